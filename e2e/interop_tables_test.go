//go:build interop

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

// TestTablesInterop compares all rows of public tables that have categories and gaps. `make bench-tables` runs it, and
// not `make test-interop`, because the tables come with libraries of a gigabyte.
func TestTablesInterop(t *testing.T) {
	paths := testenv.Programs(t, stack.Interop, stack.Tables)
	program, err := os.ReadFile(filepath.Join("..", "bench", "tables.py"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// Without input, the program writes its tables and ends.
	if out, err := exec.CommandContext(t.Context(), paths.Tables, "-c", string(program), dir).
		CombinedOutput(); err != nil {
		t.Fatalf("write the tables: %v\n%s", err, out)
	}
	s := start(t)
	var cases []interopCase
	for _, table := range []string{"titanic", "mlc_churn", "adult"} {
		rows, err := os.ReadFile(filepath.Join(dir, table+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		name := "interop-" + strings.ReplaceAll(table, "_", "-")
		uri := s.put("given/"+name+".csv", rows)
		s.train(workflows.TrainingInput{Model: name, DatasetURI: uri, Algorithm: model.GBDT})
		c := s.interopMixedCase(name, string(rows))
		c.Serve = true
		cases = append(cases, c)
	}
	s.check(
		script{name: "check.py", code: interopScript, python: paths.Interop, timeout: interopTimeout},
		cases,
		len(cases),
	)
}
