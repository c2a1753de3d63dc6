package mlflow

import (
	_ "embed" // iris_pyfunc.py
	"fmt"
	"strconv"
	"strings"
)

// Versions in the requirements of a model's folder. The tests of the folder use the same versions of MLflow and of the
// two ONNX packages, which package deploy pins.
const (
	pythonVersion      = "3.11.7"
	mlflowVersion      = "3.17.2"
	onnxVersion        = "1.23.2"
	onnxRuntimeVersion = "1.32.0"
)

// ONNXModel is a model in the format that MLflow's Python packages load and serve: the flavors onnx and
// python_function.
type ONNXModel struct {
	ONNX    []byte
	Inputs  []Column // columns of the data frame, in the order of the columns of the input tensor or of the inputs
	Outputs []Column // in the order of the graph's outputs, each with one value per row
	Example [][]any  // rows for the input example
	// Named says that the graph has an input [N, 1] per column with its name, instead of one tensor of all columns.
	// MLflow's own loader of ONNX files gives such a graph neither missing texts nor two dimensions, so the folder has a
	// loader.
	Named bool
}

// The loader of a graph with named inputs, and its place in the folder.
//
//go:embed pyfunc/iris_pyfunc.py
var pyfunc []byte

const (
	pyfuncFolder = "code"
	pyfuncModule = "iris_pyfunc"
)

// Files returns the files of the model's folder by name. They are the artifacts of a logged model. The same model and
// logged model give the same bytes.
func (m ONNXModel) Files(logged LoggedModel) map[string][]byte {
	names := make([]string, len(m.Inputs))
	for i, column := range m.Inputs {
		names[i] = column.Name
	}
	example := map[string]any{"columns": names, "data": m.Example}
	requirements := []string{"mlflow==" + mlflowVersion, "onnx==" + onnxVersion, "onnxruntime==" + onnxRuntimeVersion}
	files := map[string][]byte{
		"MLmodel":                    []byte(m.mlmodel(logged)),
		"model.onnx":                 m.ONNX,
		"requirements.txt":           []byte(strings.Join(requirements, "\n") + "\n"),
		"python_env.yaml":            []byte(pythonEnv),
		"conda.yaml":                 []byte(condaEnv + "  - " + strings.Join(requirements, "\n  - ") + "\n"),
		"input_example.json":         []byte(encode(example)),
		"serving_input_example.json": []byte(encode(map[string]any{"dataframe_split": example})),
	}
	if m.Named {
		files[pyfuncFolder+"/"+pyfuncModule+".py"] = pyfunc
	}
	return files
}

const pythonEnv = `python: ` + pythonVersion + `
build_dependencies:
- pip
- setuptools
- wheel
dependencies:
- -r requirements.txt
`

const condaEnv = `name: mlflow-env
channels:
- conda-forge
dependencies:
- python=` + pythonVersion + `
- pip
- pip:
`

// mlmodel renders the file that describes a model's folder to MLflow. Without providers MLflow would look for a GPU.
func (m ONNXModel) mlmodel(logged LoggedModel) string {
	code, loader := "", "mlflow.onnx"
	if m.Named {
		code, loader = "    code: "+pyfuncFolder+"\n", pyfuncModule
	}
	return fmt.Sprintf(`flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: %s
    providers:
    - CPUExecutionProvider
  python_function:
%s    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: %s
    python_version: %s
mlflow_version: %s
model_id: %s
model_uuid: %s
run_id: %s
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  serving_input_path: serving_input_example.json
  type: dataframe
signature:
  inputs: %s
  outputs: %s
  params: null
utc_time_created: '%s'
`, onnxVersion, code, loader, pythonVersion, mlflowVersion,
		yamlString(logged.ID), yamlString(logged.ID), yamlString(logged.RunID),
		yamlString(encode(columnSpecs(m.Inputs))), yamlString(encode(columnSpecs(m.Outputs))),
		logged.Created.UTC().Format("2006-01-02 15:04:05.000000"))
}

// yamlString quotes s for YAML, whose escapes in double quotes include those of Go.
func yamlString(s string) string { return strconv.Quote(s) }

// columnSpec is a column in a schema of MLflow.
type columnSpec struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
}

func columnSpecs(columns []Column) []columnSpec {
	specs := make([]columnSpec, len(columns))
	for i, c := range columns {
		specs[i] = columnSpec{c.Type, c.Name, !c.Optional}
	}
	return specs
}
