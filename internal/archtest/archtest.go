// Package archtest checks the layout of the house: imports only go down. Each package is a room with a floor and a list
// of what it may import, of Iris and from outside; docs/architecture.md has the picture. The rule is a test and not a
// linter's setting because a failure should tell a newcomer why.
package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// module is the path that every package of Iris begins with.
const module = "iris/"

// outside marks rooms that stand beside the house, such as tests and the local stack: whoever lists them may import
// them.
const outside = -1

// room is one package, or a tree of them when its path ends in "/...".
type room struct {
	path  string
	floor int
	iris  []string // packages of Iris that it may import, without the module
	lib   []string // import path prefixes from outside the standard library
}

// rooms is the whole house. A new package needs a line here. On one floor, a room may import the rooms listed before
// it.
func rooms() []room {
	const temporal = "go.temporal.io/"
	return []room{
		// Leaves: the standard library and at most one outside library each.
		{path: "internal/dataset", floor: 0},
		{path: "internal/inference", floor: 0},
		{path: "internal/inferencepb", floor: 0, lib: []string{"google.golang.org/grpc", "google.golang.org/protobuf"}},
		{path: "internal/mlflow", floor: 0},
		{path: "internal/objstore", floor: 0, lib: []string{"github.com/minio/minio-go/v7"}},
		{path: "internal/scores", floor: 0, lib: []string{"github.com/parquet-go/parquet-go"}},
		{path: "internal/webui", floor: 0},

		// The forms of rows: as JSON objects, and on that as the frames of other protocols and as the files of a batch.
		{path: "internal/jsonrow", floor: 1, iris: []string{"internal/dataset"}},
		{path: "internal/frame", floor: 2, iris: []string{"internal/dataset", "internal/jsonrow"}},
		{
			path:  "internal/rows",
			floor: 2,
			iris:  []string{"internal/dataset", "internal/jsonrow"},
			lib:   []string{"github.com/parquet-go/parquet-go"},
		},

		// The machine learning: no Temporal, no network.
		{path: "model/internal/parallel", floor: 0},
		{path: "model/internal/onnx", floor: 0, lib: []string{"google.golang.org/protobuf/encoding/protowire"}},
		{path: "model/internal/tree", floor: 1, iris: []string{"internal/dataset", "model/internal/parallel"}},
		{
			path:  "model",
			floor: 1,
			iris:  []string{"internal/dataset", "model/internal/onnx", "model/internal/parallel", "model/internal/tree"},
			lib:   []string{"gonum.org/v1/gonum", golearn},
		},

		{
			path: "internal/catalogue", floor: 2, iris: []string{"internal/dataset", "internal/objstore", "model"},
			lib: []string{"golang.org/x/sync"},
		},

		{
			path:  "internal/registry",
			floor: 2,
			iris:  []string{"internal/dataset", "internal/mlflow", "internal/objstore", "model"},
			lib:   []string{"golang.org/x/sync"},
		},

		{
			path:  "internal/champions",
			floor: 3,
			iris:  []string{"internal/registry", "model"},
			lib:   []string{"github.com/hashicorp/golang-lru/v2", "golang.org/x/sync"},
		},
		{
			path: "internal/report", floor: 2, iris: []string{"internal/dataset", "model"},
			lib: []string{"gonum.org/v1/plot"},
		},
		// Plans that workflows execute; deterministic, and without Temporal.
		{path: "internal/search", floor: 2, iris: []string{"model"}},

		// Everything with a side effect.
		{
			path:  "activities",
			floor: 3,
			iris: []string{
				"internal/dataset",
				"internal/mlflow",
				"internal/objstore",
				"internal/rows",
				"internal/scores",
				"model",
				"internal/registry",
				"internal/report",
				"internal/champions",
				"internal/catalogue",
			},
			lib: []string{temporal},
		},

		// Deterministic code; the rooms below activities are there for their types.
		{
			path:  "workflows",
			floor: 4,
			iris: []string{
				"activities", "internal/dataset", "internal/mlflow", "internal/objstore", "internal/registry", "internal/rows",
				"internal/scores", "internal/search", "model",
			},
			lib: []string{temporal},
		},

		// The two processes. They never import each other, and the API reaches activities and MLflow only by way of workflows
		// and the registry.
		{path: "apiserver/problem", floor: 5, lib: []string{"github.com/danielgtaylor/huma/v2"}},
		{
			path: "apiserver/httpio", floor: 6,
			iris: []string{"apiserver/problem", "internal/objstore"},
			lib:  []string{"github.com/prometheus/client_golang"},
		},
		{path: "apiserver/apidoc", floor: 5, lib: []string{"github.com/danielgtaylor/huma/v2"}},
		{
			path: "apiserver/serving", floor: 7,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem",
				"internal/champions", "internal/dataset", "internal/frame", "internal/jsonrow", "internal/registry",
				"internal/scores", "model",
			},
			lib: []string{
				"github.com/danielgtaylor/huma/v2", "github.com/gorilla/mux", "github.com/prometheus/client_golang",
			},
		},
		{
			path: "apiserver/openinference", floor: 8,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem", "apiserver/serving",
				"internal/champions", "internal/inference", "internal/inferencepb", "internal/registry",
			},
			lib: []string{"github.com/danielgtaylor/huma/v2", "github.com/gorilla/mux", "google.golang.org/grpc"},
		},
		{
			path: "apiserver/mlflowscoring", floor: 8,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem", "apiserver/serving", "deploy", "internal/frame",
			},
			lib: []string{"github.com/danielgtaylor/huma/v2"},
		},
		{
			path: "apiserver/kservev1", floor: 8,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem", "apiserver/serving", "internal/frame",
			},
			lib: []string{"github.com/danielgtaylor/huma/v2"},
		},
		{
			path: "apiserver", floor: 9,
			iris: []string{
				"apiserver/apidoc",
				"apiserver/httpio",
				"apiserver/kservev1",
				"apiserver/mlflowscoring",
				"apiserver/openinference",
				"apiserver/problem",
				"apiserver/serving",
				"deploy",
				"internal/dataset",
				"internal/frame",
				"internal/inference",
				"internal/inferencepb",
				"internal/jsonrow",
				"internal/objstore",
				"internal/rows",
				"internal/scores",
				"internal/search",
				"internal/webui",
				"model",
				"internal/registry",
				"internal/champions",
				"internal/catalogue",
				"workflows",
			},
			lib: []string{
				temporal, "github.com/gorilla/mux", "github.com/danielgtaylor/huma/v2", "github.com/prometheus/client_golang",
				"golang.org/x/sync", "google.golang.org/grpc",
			},
		},
		{path: "worker", floor: 9, iris: []string{"activities", "workflows"}, lib: []string{temporal}},

		// Wiring.
		{
			path: "internal/app", floor: 10,
			iris: []string{
				"activities",
				"apiserver",
				"internal/champions",
				"internal/mlflow",
				"internal/objstore",
				"internal/stack",
				"model",
				"internal/registry",
				"worker",
				"workflows",
			},
			lib: []string{temporal, "golang.org/x/sync"},
		},
		{
			path: "cmd/iris", floor: 11, iris: []string{"internal/app", "internal/stack"},
			lib: []string{"go.temporal.io/sdk/contrib/envconfig"},
		},

		// Beside the house: what it is tried and tested with.
		{path: "deploy", floor: outside},
		{path: "e2e", floor: outside},
		{path: "examples/go", floor: outside},
		{path: "internal/archtest", floor: outside},
		{
			path:  "internal/dataset/datasettest",
			floor: outside,
			iris:  []string{"internal/dataset", "internal/dataset/testdata"},
		},
		{
			path:  "internal/registry/registrytest",
			floor: outside,
			iris: []string{
				"internal/dataset", "internal/mlflow", "internal/objstore", "internal/registry", "internal/testenv", "model",
			},
		},
		{
			path: "internal/stack", floor: outside, iris: []string{"deploy", "internal/objstore"},
			lib: []string{temporal, "golang.org/x/sync"},
		},
		{
			path: "internal/testenv/...", floor: outside,
			iris: []string{"internal/mlflow", "internal/objstore", "internal/stack", "internal/testenv"},
			lib:  []string{temporal, "google.golang.org/protobuf"},
		},
	}
}

// golearn is confined to one file, because its types and its panics must not leak into the rest of the model.
const (
	golearn     = "github.com/sjwhitworth/golearn"
	golearnFile = "golearn.go"
)

// source is a Go file that is no test, with what it imports.
type source struct {
	pkg     string // import path
	file    string // its name alone
	imports []string
}

// check returns what is wrong with a file, one sentence each.
func check(rooms []room, f source) []string {
	at := find(rooms, strings.TrimPrefix(f.pkg, module))
	if at == nil {
		return []string{fmt.Sprintf("%s has no floor: give it a line in internal/archtest", f.pkg)}
	}
	var wrong []string
	for _, path := range f.imports {
		var reason string
		if inside, ok := strings.CutPrefix(path, module); ok {
			reason = checkInside(rooms, *at, inside)
		} else if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
			reason = checkOutside(*at, f.file, path)
		}
		if reason != "" {
			wrong = append(wrong, fmt.Sprintf("%s/%s imports %s: %s", f.pkg, f.file, path, reason))
		}
	}
	return wrong
}

// checkInside says why a room may not import a package of Iris; empty when it may.
func checkInside(rooms []room, at room, path string) string {
	if !slices.Contains(at.iris, path) {
		return fmt.Sprintf("%s may import only %s of Iris", at.path, list(at.iris))
	}
	to := find(rooms, path)
	switch {
	case to == nil || at.floor == outside || to.floor == outside || to.floor < at.floor:
	case to.floor > at.floor:
		return fmt.Sprintf("imports only go down, and that is from floor %d to floor %d", at.floor, to.floor)
	case index(rooms, to.path) >= index(rooms, at.path):
		return fmt.Sprintf("on floor %d a room may import only rooms listed before it", at.floor)
	}
	return ""
}

// checkOutside says why a file may not import a package of another module; empty when it may.
func checkOutside(at room, file, path string) string {
	if within(path, golearn) && file != golearnFile {
		return "only model/" + golearnFile + " may"
	}
	if !slices.ContainsFunc(at.lib, func(prefix string) bool { return within(path, prefix) }) {
		return fmt.Sprintf("beside the standard library %s may import only %s", at.path, list(at.lib))
	}
	return ""
}

// find returns the room of a package, nil when it has none.
func find(rooms []room, pkg string) *room {
	for i, r := range rooms {
		tree, isTree := strings.CutSuffix(r.path, "/...")
		if pkg == tree || isTree && strings.HasPrefix(pkg, tree+"/") {
			return &rooms[i]
		}
	}
	return nil
}

// index returns the place of a room in the list of rooms.
func index(rooms []room, path string) int {
	return slices.IndexFunc(rooms, func(r room) bool { return r.path == path })
}

// within reports whether an import path is prefix or lies below it.
func within(path, prefix string) bool {
	return path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

// list writes names for a sentence.
func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
