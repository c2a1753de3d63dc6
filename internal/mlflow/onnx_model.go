package mlflow

import (
	"fmt"
	"strconv"
	"strings"
)

// Versions that a model folder asks for. Those of MLflow and of the two ONNX packages are what the folder is tested
// with; package deploy pins the same for the tests.
const (
	pythonVersion      = "3.11.7"
	mlflowVersion      = "3.17.2"
	onnxVersion        = "1.23.2"
	onnxRuntimeVersion = "1.32.0"
)

// ONNXModel is a model in the form in which MLflow's Python loads and serves it: the flavors onnx and python_function.
type ONNXModel struct {
	ONNX    []byte
	Inputs  []Column    // of the data frame, in the order of the columns of the one input tensor
	Outputs []Column    // in the order of the graph's outputs, each with one value per row
	Example [][]float64 // rows to try the model with
}

// Files returns the files of the model's folder by name, for the artifacts of a logged model. The same model and logged
// model give the same bytes.
func (m ONNXModel) Files(of LoggedModel) map[string][]byte {
	names := make([]string, len(m.Inputs))
	for i, column := range m.Inputs {
		names[i] = column.Name
	}
	example := map[string]any{"columns": names, "data": m.Example}
	requirements := []string{"mlflow==" + mlflowVersion, "onnx==" + onnxVersion, "onnxruntime==" + onnxRuntimeVersion}
	return map[string][]byte{
		"MLmodel":                    []byte(m.mlmodel(of)),
		"model.onnx":                 m.ONNX,
		"requirements.txt":           []byte(strings.Join(requirements, "\n") + "\n"),
		"python_env.yaml":            []byte(pythonEnv),
		"conda.yaml":                 []byte(condaEnv + "  - " + strings.Join(requirements, "\n  - ") + "\n"),
		"input_example.json":         []byte(encode(example)),
		"serving_input_example.json": []byte(encode(map[string]any{"dataframe_split": example})),
	}
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

// mlmodel renders the file by which MLflow knows a model's folder. Without providers MLflow would look for a GPU.
func (m ONNXModel) mlmodel(of LoggedModel) string {
	return fmt.Sprintf(`flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: %s
    providers:
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
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
`, onnxVersion, pythonVersion, mlflowVersion, yamlString(of.ID), yamlString(of.ID), yamlString(of.RunID),
		yamlString(encode(columnSpecs(m.Inputs))), yamlString(encode(columnSpecs(m.Outputs))),
		of.Created.UTC().Format("2006-01-02 15:04:05.000000"))
}

// yamlString quotes s for YAML, whose escapes in double quotes include all that Go writes.
func yamlString(s string) string { return strconv.Quote(s) }

// columnSpec is a column as MLflow's schemas have it.
type columnSpec struct {
	Type     string `json:"type"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
}

func columnSpecs(columns []Column) []columnSpec {
	specs := make([]columnSpec, len(columns))
	for i, c := range columns {
		specs[i] = columnSpec{c.Type, c.Name, true}
	}
	return specs
}
