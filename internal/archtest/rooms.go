package archtest

// outside is the floor of rooms beside the house, such as tests and the local stack. Any room that lists them may
// import them.
const outside = -1

// room is a package, or a tree of packages if its path ends in "/...".
type room struct {
	path  string
	floor int
	iris  []string // the packages of Iris that it may import, without the module
	lib   []string // prefixes of the packages that it may import from other modules
}

// Modules that several rooms may import.
const (
	temporal   = "go.temporal.io/"
	huma       = "github.com/danielgtaylor/huma/v2"
	mux        = "github.com/gorilla/mux"
	prometheus = "github.com/prometheus/client_golang"
	grpc       = "google.golang.org/grpc"
	protobuf   = "google.golang.org/protobuf"
	parquet    = "github.com/parquet-go/parquet-go"
	sync       = "golang.org/x/sync"
	text       = "golang.org/x/text/"
)

// Only one file may import golearn, because golearn's types and panics must not leak into the rest of package model.
const (
	golearn     = "github.com/sjwhitworth/golearn"
	golearnFile = "golearn.go"
)

// rooms lists the whole house. A new package needs a line here. A room may import rooms on lower floors, and on its own
// floor the rooms listed before it. After a change, `go test ./internal/archtest -update` draws the picture again.
func rooms() []room {
	return []room{
		// Leaves: they import no other package of Iris.
		{path: "internal/child", floor: 0},
		{path: "internal/tally", floor: 0},
		{path: "internal/literal", floor: 0},
		{path: "internal/ngram", floor: 0},
		{path: "internal/dataset", floor: 0, iris: []string{"internal/literal", "internal/ngram", "internal/tally"}},
		{path: "internal/dial", floor: 0, lib: []string{grpc}},
		{path: "internal/inferencepb", floor: 0, lib: []string{grpc, protobuf}},
		{path: "internal/mlflow", floor: 0},
		{path: "internal/modelcache", floor: 0},
		{path: "internal/objstore", floor: 0, lib: []string{"github.com/minio/minio-go/v7"}},
		{path: "internal/scores", floor: 0, lib: []string{parquet}},
		{path: "internal/webui", floor: 0},
		{path: "model/internal/onnx", floor: 0, lib: []string{"google.golang.org/protobuf/encoding/protowire"}},
		{path: "model/internal/parallel", floor: 0},

		// The formats of rows: JSON objects, the frames of other protocols, and the files of a batch.
		{path: "internal/jsonrow", floor: 1, iris: []string{"internal/dataset", "internal/literal"}},
		{path: "internal/partition", floor: 1, iris: []string{"internal/dataset"}},
		{path: "internal/leak", floor: 1, iris: []string{"internal/dataset"}},
		{path: "internal/shift", floor: 1, iris: []string{"internal/dataset"}},
		{path: "internal/frame", floor: 1, iris: []string{"internal/dataset", "internal/literal", "internal/jsonrow"}},
		{path: "internal/inference", floor: 1, iris: []string{"internal/dataset", "internal/jsonrow"}},
		{
			path:  "internal/rows",
			floor: 1,
			iris:  []string{"internal/dataset", "internal/literal", "internal/jsonrow", "internal/scores"},
			lib:   []string{parquet},
		},

		{
			path:  "internal/tablefile",
			floor: 1,
			iris:  []string{"internal/dataset", "internal/literal", "internal/jsonrow", "internal/rows"},
			lib:   []string{text},
		},

		// Machine learning. It uses neither Temporal nor the network.
		{path: "model/internal/tree", floor: 1, iris: []string{"internal/dataset", "model/internal/parallel"}},
		{
			path:  "model/internal/design",
			floor: 1,
			iris:  []string{"internal/dataset", "model/internal/onnx", "model/internal/tree"},
		},
		{
			path: "model", floor: 1,
			iris: []string{
				"internal/dataset", "internal/partition", "internal/literal",
				"model/internal/design",
				"model/internal/onnx",
				"model/internal/parallel",
				"model/internal/tree",
			},
			lib: []string{"gonum.org/v1/gonum", golearn},
		},

		// What MLflow and the object store keep, and what is made of models.
		{
			path: "internal/catalogue", floor: 2,
			iris: []string{"internal/dataset", "internal/literal", "internal/objstore", "model"},
			lib:  []string{sync},
		},
		{
			path: "internal/registry", floor: 2,
			iris: []string{
				"internal/dataset", "internal/partition", "internal/mlflow", "internal/modelcache", "internal/objstore", "model",
			},
			lib: []string{sync},
		},
		{
			path: "internal/report", floor: 2,
			iris: []string{"internal/dataset", "model"},
			lib:  []string{"gonum.org/v1/plot"},
		},
		{path: "internal/search", floor: 2, iris: []string{"model"}}, // plans that workflows execute
		// What tasks left behind.
		{
			path: "internal/sweep", floor: 3,
			iris: []string{"internal/mlflow", "internal/objstore", "internal/registry"},
			lib:  []string{temporal},
		},
		{
			path: "internal/champions", floor: 3,
			iris: []string{"internal/modelcache", "internal/registry", "model"},
			lib:  []string{"github.com/hashicorp/golang-lru/v2", sync},
		},

		// The code of the worker that has side effects.
		{
			path: "activities", floor: 3,
			iris: []string{
				"internal/catalogue",
				"internal/champions",
				"internal/child",
				"internal/dataset", "internal/partition",
				"internal/leak",
				"internal/mlflow",
				"internal/objstore",
				"internal/registry",
				"internal/report",
				"internal/rows",
				"internal/scores",
				"internal/shift",
				"internal/search",
				"internal/sweep",
				"internal/tablefile",
				"model",
			},
			lib: []string{temporal, sync},
		},

		// Deterministic code. It imports the rooms below activities for their types, and search for its plans.
		{
			path: "workflows", floor: 4,
			iris: []string{
				"activities", "internal/dataset", "internal/partition", "internal/mlflow", "internal/objstore", "internal/registry",
				"internal/rows", "internal/scores", "internal/search", "internal/sweep", "internal/tablefile", "model",
			},
			lib: []string{temporal},
		},

		// The API. Only workflows and the registry take it to activities and MLflow. A protocol of other servers does not
		// know the resources of Iris, and the resources do not know it.
		{path: "apiserver/problem", floor: 5, lib: []string{huma}},
		{path: "apiserver/apidoc", floor: 5, lib: []string{huma}},
		{
			path: "apiserver/httpio", floor: 5,
			iris: []string{"apiserver/problem", "internal/objstore"},
			lib:  []string{prometheus},
		},
		{
			path: "apiserver/idempotency", floor: 5,
			iris: []string{"apiserver/httpio", "apiserver/problem", "internal/objstore"},
			lib:  []string{huma},
		},
		{
			path: "apiserver/serving", floor: 5,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem", "internal/champions", "internal/dataset",
				"internal/frame", "internal/jsonrow", "internal/registry", "internal/scores", "model",
			},
			lib: []string{huma, mux, prometheus},
		},
		{
			path: "apiserver/starts", floor: 5,
			iris: []string{"apiserver/httpio", "apiserver/problem", "workflows"},
			lib:  []string{temporal, "google.golang.org/grpc/codes"},
		},
		{
			path: "apiserver/openinference", floor: 5,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem", "apiserver/serving", "internal/champions",
				"internal/dataset", "internal/inference", "internal/inferencepb", "internal/registry",
			},
			lib: []string{huma, mux, grpc},
		},
		{
			path: "apiserver/mlflowscoring", floor: 5,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem", "apiserver/serving", "deploy", "internal/frame",
			},
			lib: []string{huma},
		},
		{
			path: "apiserver/kservev1", floor: 5,
			iris: []string{
				"apiserver/apidoc", "apiserver/httpio", "apiserver/problem", "apiserver/serving", "internal/frame",
			},
			lib: []string{huma},
		},
		{
			path: "apiserver", floor: 5,
			iris: []string{
				"apiserver/apidoc",
				"apiserver/httpio",
				"apiserver/idempotency",
				"apiserver/kservev1",
				"apiserver/mlflowscoring",
				"apiserver/openinference",
				"apiserver/problem",
				"apiserver/serving",
				"apiserver/starts",
				"internal/catalogue",
				"internal/champions",
				"internal/dataset",
				"internal/inference",
				"internal/jsonrow",
				"internal/objstore",
				"internal/registry",
				"internal/rows",
				"internal/scores",
				"internal/search",
				"internal/sweep",
				"internal/tablefile",
				"internal/webui",
				"model",
				"workflows",
			},
			lib: []string{temporal, mux, huma, prometheus},
		},

		// The worker. It and the API never import each other.
		{path: "worker", floor: 5, iris: []string{"activities", "workflows"}, lib: []string{temporal}},

		// Wiring. It decides nothing.
		{
			path: "internal/app", floor: 6,
			iris: []string{
				"activities", "apiserver", "internal/champions", "internal/child", "internal/dial", "internal/mlflow",
				"internal/modelcache", "internal/objstore", "internal/registry", "internal/stack", "worker", "workflows",
			},
			lib: []string{temporal},
		},
		{
			path: "cmd/iris", floor: 7,
			iris: []string{"internal/app", "internal/stack"},
			lib: []string{
				"go.temporal.io/sdk/contrib/envconfig", "github.com/KimMachineGun/automemlimit/memlimit",
				"github.com/dustin/go-humanize",
			},
		},

		// Beside the house: tests, tools and data.
		{path: "chaos", floor: outside},
		{path: "deploy", floor: outside},
		{path: "e2e", floor: outside},
		{path: "examples/go", floor: outside},
		{path: "examples/passengers", floor: outside},
		{path: "internal/archtest", floor: outside},
		{
			path: "internal/dataset/datasettest", floor: outside,
			iris: []string{"internal/dataset", "internal/dataset/testdata"},
			lib:  []string{parquet},
		},
		{
			path: "internal/registry/registrytest", floor: outside,
			iris: []string{
				"internal/dataset",
				"internal/partition",
				"internal/mlflow",
				"internal/objstore",
				"internal/registry",
				"internal/testenv",
				"model",
			},
		},
		{
			path: "internal/stack", floor: outside,
			iris: []string{"deploy", "internal/objstore"},
			lib:  []string{temporal, sync},
		},
		{
			path: "internal/testenv/...", floor: outside,
			iris: []string{
				"internal/dial", "internal/mlflow", "internal/objstore", "internal/stack", "internal/testenv",
			},
			lib: []string{temporal, protobuf},
		},
	}
}
