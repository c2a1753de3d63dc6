package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestImports_goDown(t *testing.T) {
	files := sources(t)
	if len(files) < 50 {
		t.Fatalf("go list found %d files, want the whole house", len(files))
	}
	for _, f := range files {
		for _, wrong := range check(rooms(), f) {
			t.Error(wrong)
		}
	}
}

// Every line of the table must hold by itself: a room that may import upwards would make the rule above toothless.
func TestRooms_onlyAllowWhatGoesDown(t *testing.T) {
	for _, r := range rooms() {
		for _, path := range r.iris {
			if wrong := checkInside(rooms(), r, path); wrong != "" {
				t.Errorf("%s lists %s: %s", r.path, path, wrong)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		source source
		want   string // part of the only complaint; empty for none
	}{
		"standard library": {source{"iris/internal/dataset", "scan.go", []string{"encoding/csv"}}, ""},
		"down":             {source{"iris/model", "train.go", []string{"iris/internal/dataset"}}, ""},
		"up": {
			source{"iris/model", "train.go", []string{"iris/internal/registry"}},
			"model may import only internal/dataset, model/internal/onnx",
		},
		"API to worker": {source{"iris/apiserver", "server.go", []string{"iris/worker"}}, "apiserver may import only"},
		"API to MLflow": {
			source{"iris/apiserver", "server.go", []string{"iris/internal/mlflow"}},
			"apiserver may import only",
		},
		"tests' rooms":     {source{"iris/worker", "worker.go", []string{"iris/internal/testenv"}}, "worker may import only"},
		"a room below one": {source{"iris/internal/testenv/install", "main.go", []string{"iris/internal/testenv"}}, ""},
		"new room":         {source{"iris/helpers", "helpers.go", nil}, "has no floor"},
		"its own library": {
			source{"iris/internal/objstore", "put.go", []string{"github.com/minio/minio-go/v7/pkg/credentials"}},
			"",
		},
		"another's library": {
			source{
				"iris/activities",
				"score.go",
				[]string{"github.com/minio/minio-go/v7"},
			},
			"beside the standard library activities may import only",
		},
		"a name that begins alike": {
			source{
				"iris/internal/objstore",
				"put.go",
				[]string{"github.com/minio/minio-go/v77"},
			},
			"may import only github.com/minio",
		},
		"Temporal below floor 3": {
			source{"iris/internal/registry", "cache.go", []string{"go.temporal.io/sdk/client"}},
			"registry may import only",
		},
		"golearn in its file": {source{"iris/model", "golearn.go", []string{"github.com/sjwhitworth/golearn/trees"}}, ""},
		"golearn in another file": {
			source{"iris/model", "train.go", []string{"github.com/sjwhitworth/golearn/trees"}},
			"only model/golearn.go may",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := check(rooms(), test.source)
			switch {
			case test.want == "" && len(got) != 0:
				t.Errorf("complains %q, want nothing", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
				t.Errorf("complains %q, want one that says %q", got, test.want)
			}
		})
	}
}

func TestCheckInside_onOneFloor(t *testing.T) {
	house := []room{
		{path: "hall", floor: 0, iris: []string{"kitchen"}},
		{path: "kitchen", floor: 0, iris: []string{"hall"}},
	}
	if got := checkInside(house, house[1], "hall"); got != "" {
		t.Errorf("complains %q, want nothing", got)
	}
	if got, want := checkInside(house, house[0], "kitchen"), "listed before it"; !strings.Contains(got, want) {
		t.Errorf("complains %q, want %q", got, want)
	}
}

func TestCheckInside_upwards(t *testing.T) {
	house := []room{{path: "cellar", floor: 0, iris: []string{"attic"}}, {path: "attic", floor: 1}}
	if got, want := checkInside(house, house[0], "attic"), "from floor 0 to floor 1"; !strings.Contains(got, want) {
		t.Errorf("complains %q, want %q", got, want)
	}
}

// sources lists the files of the module that are no tests.
func sources(t *testing.T) []source {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=Dir,ImportPath,GoFiles,CgoFiles", "iris/...")
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var files []source
	for packages := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir, ImportPath   string
			GoFiles, CgoFiles []string
		}
		if err := packages.Decode(&p); errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s needs cgo: the binary is built without", p.ImportPath)
		}
		for _, name := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			f := source{pkg: p.ImportPath, file: name}
			for _, i := range parsed.Imports {
				path, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				f.imports = append(f.imports, path)
			}
			files = append(files, f)
		}
	}
}
