package mlflow_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/deploy"
	"iris/internal/mlflow"
)

func TestONNXModel_files(t *testing.T) {
	m := mlflow.ONNXModel{
		ONNX:    []byte("graph"),
		Inputs:  []mlflow.Column{{Name: "x", Type: "double"}, {Name: "it's \"y\": ü\u007f", Type: "double"}},
		Outputs: []mlflow.Column{{Name: "label", Type: "string"}, {Name: "p_<a>", Type: "double"}},
		Example: [][]any{{1.5, -2}},
	}
	logged := mlflow.LoggedModel{
		ID:      "m-1",
		RunID:   "r-1",
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600)),
	}
	files := m.Files(logged)
	want := []string{
		"MLmodel",
		"conda.yaml",
		"input_example.json",
		"model.onnx",
		"python_env.yaml",
		"requirements.txt",
		"serving_input_example.json",
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("got files %v, want %v", got, want)
	}
	for name, again := range m.Files(logged) {
		if !bytes.Equal(again, files[name]) {
			t.Errorf("%s differs the second time", name)
		}
	}
	wantLines(
		t,
		files["MLmodel"],
		"    data: model.onnx",
		"    loader_module: mlflow.onnx",
		"    - CPUExecutionProvider",
		`model_id: "m-1"`,
		`run_id: "r-1"`,
		`  inputs: "[{\"type\":\"double\",\"name\":\"x\",\"required\":true},`+
			`{\"type\":\"double\",\"name\":\"it's \\\"y\\\": ü\x7f\",\"required\":true}]"`,
		`  outputs: "[{\"type\":\"string\",\"name\":\"label\",\"required\":true},`+
			`{\"type\":\"double\",\"name\":\"p_\\u003ca\\u003e\",\"required\":true}]"`,
		"utc_time_created: '2026-01-02 02:04:05.006000'",
		"mlflow_version: "+deploy.MLflowVersion(),
	)
	wantLines(t, files["python_env.yaml"], "python: 3.11.7", "- -r requirements.txt")
	wantLines(t, files["conda.yaml"], "- python=3.11.7", "  - mlflow=="+deploy.MLflowVersion())
	wantJSON(t, files["input_example.json"], `{"columns":["x","it's \"y\": ü`+"\u007f"+`"],"data":[[1.5,-2]]}`)
	wantJSON(
		t,
		files["serving_input_example.json"],
		`{"dataframe_split":{"columns":["x","it's \"y\": ü`+"\u007f"+`"],"data":[[1.5,-2]]}}`,
	)
}

// A graph with an input per column has a loader of its own.
func TestONNXModel_namedInputs(t *testing.T) {
	files := mlflow.ONNXModel{
		Inputs: []mlflow.Column{{Name: "x", Type: "string", Optional: true}},
		Named:  true,
	}.Files(mlflow.LoggedModel{})
	wantLines(
		t,
		files["MLmodel"],
		"  python_function:",
		"    code: code",
		"    loader_module: iris_pyfunc",
		`  inputs: "[{\"type\":\"string\",\"name\":\"x\",\"required\":false}]"`,
	)
	wantLines(t, files["code/iris_pyfunc.py"], "def _load_pyfunc(path):")
}

// A model's requirements are the versions that the tests use.
func TestONNXModel_requirements(t *testing.T) {
	for line := range strings.Lines(string(mlflow.ONNXModel{}.Files(mlflow.LoggedModel{})["requirements.txt"])) {
		if !strings.Contains("\n"+deploy.InteropRequirements(), "\n"+line) {
			t.Errorf("requirements-interop.txt lacks %q", line)
		}
	}
}

func wantLines(t *testing.T, file []byte, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+string(file), "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, file)
		}
	}
}

func wantJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, got); err != nil || compact.String() != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
