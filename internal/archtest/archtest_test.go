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
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestImports_goDown(t *testing.T) {
	files := sources(t)
	if len(files) < 50 {
		t.Fatalf("go list found %d files, want all of Iris", len(files))
	}
	for _, f := range files {
		for _, wrong := range check(rooms(), f) {
			t.Error(wrong)
		}
	}
}

// A line that lets a room import upwards would defeat the rule.
func TestRooms_allowOnlyImportsDown(t *testing.T) {
	for _, r := range rooms() {
		for _, path := range r.iris {
			if wrong := checkInside(rooms(), r, path); wrong != "" {
				t.Errorf("%s lists %s: %s", r.path, path, wrong)
			}
		}
	}
}

// The picture shows the imports that a room may have. Each of them must exist, or the picture would show too many.
func TestRooms_listOnlyImportsThatExist(t *testing.T) {
	imported := map[string][]string{} // by the path of a room
	for _, f := range sources(t) {
		if at := find(rooms(), strings.TrimPrefix(f.pkg, module)); at != nil {
			imported[at.path] = append(imported[at.path], f.imports...)
		}
	}
	for _, r := range rooms() {
		for _, path := range r.iris {
			if !slices.Contains(imported[r.path], module+path) {
				t.Errorf("%s lists %s, but does not import it: remove it from rooms", r.path, path)
			}
		}
		for _, prefix := range r.lib {
			if !slices.ContainsFunc(imported[r.path], func(path string) bool { return within(path, prefix) }) {
				t.Errorf("%s lists %s, but does not import it: remove it from rooms", r.path, prefix)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		source source
		want   string // part of the only violation; empty if there is none
	}{
		"standard library": {source{"iris/internal/dataset", "scan.go", []string{"encoding/csv"}}, ""},
		"down":             {source{"iris/model", "train.go", []string{"iris/internal/dataset"}}, ""},
		"up": {
			source{"iris/model", "train.go", []string{"iris/internal/registry"}},
			"of Iris, model may import only internal/dataset",
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
			source{"iris/activities", "score.go", []string{"github.com/minio/minio-go/v7"}},
			"of other modules, activities may import only",
		},
		"a name with the same start": {
			source{"iris/internal/objstore", "put.go", []string{"github.com/minio/minio-go/v77"}},
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
				t.Errorf("got %q, want no violation", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
				t.Errorf("got %q, want one violation that contains %q", got, test.want)
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
		t.Errorf("got %q, want no violation", got)
	}
	if got, want := checkInside(house, house[0], "kitchen"), "listed before it"; !strings.Contains(got, want) {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}

func TestCheckInside_upwards(t *testing.T) {
	house := []room{{path: "cellar", floor: 0, iris: []string{"attic"}}, {path: "attic", floor: 1}}
	if got, want := checkInside(house, house[0], "attic"), "from floor 0 to floor 1"; !strings.Contains(got, want) {
		t.Errorf("got %q, want it to contain %q", got, want)
	}
}

// sources lists the files of the module that are not tests.
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
			t.Errorf("%s needs cgo, but the binary is built without it", p.ImportPath)
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
