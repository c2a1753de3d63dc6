package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"iris/internal/testenv"
)

// exampleOutput is what every example prints for the wine data: 178 rows of three classes, the first of class 0.
var exampleOutput = regexp.MustCompile(`^training training-[\w-]+: SUCCESS
version models:/example-\w+/\d+: accuracy (?:0\.9\d+|1\.0000), promoted
prediction: "0" with probability (?:0\.9\d+|1\.0000)
batch batch-[\w-]+: SUCCESS
178 rows scored
  0: \d+
  1: \d+
  2: \d+
$`)

func TestExamples_go(t *testing.T) { start(t).runExample(t, "go", "run", "./examples/go") }

func TestExamples_python(t *testing.T) {
	start(t).runExample(t, "python3", "examples/python/iris_client.py")
}

// runExample runs an example against the API from the root of the project, as examples/README.md says.
func (s *iris) runExample(t *testing.T, program string, args ...string) {
	t.Helper()
	root, err := testenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	args = append(args, filepath.Join("internal", "dataset", "testdata", "wine.csv"))
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = root
	command.Env = append(os.Environ(), "IRIS_URL="+s.api, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, output)
	}
	if !exampleOutput.Match(output) {
		t.Errorf("%s prints\n%s\nwant a match of\n%s", command, output, exampleOutput)
	}
}
