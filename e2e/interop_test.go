//go:build interop

package e2e

import (
	"bytes"
	_ "embed" // check.py
	"encoding/json"
	"strings"
	"testing"
	"time"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

//go:embed interop/check.py
var interopScript []byte

// interopTimeout bounds the Python program. One case takes a few seconds.
const interopTimeout = 20 * time.Minute

// interopCase is a champion with its predictions of rows, for check.py.
type interopCase struct {
	Model         string      `json:"model"`
	URI           string      `json:"uri"`
	RunID         string      `json:"run_id"`
	ModelID       string      `json:"model_id"`
	Features      []string    `json:"features"`
	Classes       []string    `json:"classes"`
	Rows          [][]float64 `json:"rows"`
	CSV           string      `json:"csv"` // the rows as a file with a header, if some features are no numbers
	Labels        []string    `json:"labels"`
	Probabilities [][]float64 `json:"probabilities"`
	Serve         bool        `json:"serve"` // also run `mlflow models serve`, which starts slowly
}

// interopVariants has the hyperparameters for which the ONNX form has other nodes than for the defaults.
var interopVariants = map[string]struct {
	algorithm       model.Algorithm
	hyperparameters string
}{
	"ensemble-temperature": {
		model.Ensemble,
		`{"members": [{"algorithm": "gaussian_nb"}, {"algorithm": "mlp", "weight": 2}], "temperature": 1.7}`,
	},
	"knn-distance": {model.KNN, `{"weights": "distance"}`},
	"mlp-tanh":     {model.MLP, `{"preset": "10-7-5", "activation": "tanh"}`},
}

// The system trains every family on three datasets. The Python packages of its users load and serve each model from a
// real MLflow, and must agree with Iris: the same labels, probabilities within 1e-6. Rows that a tie among neighbours
// decides are counted, not compared.
func TestInterop(t *testing.T) {
	paths := testenv.Programs(t, stack.Interop)
	s := start(t)
	var cases []interopCase
	for _, data := range []struct {
		name string
		csv  []byte
	}{{"iris", datasettest.Iris()}, {"wine", datasettest.Wine()}, {"breast-cancer", datasettest.BreastCancer()}} {
		uri := s.put("given/interop-"+data.name+".csv", data.csv)
		for _, algorithm := range model.Algorithms() {
			name := "interop-" + data.name + "-" + strings.ReplaceAll(string(algorithm), "_", "-")
			result := s.train(workflows.TrainingInput{Model: name, DatasetURI: uri, Algorithm: algorithm})
			c := s.interopCase(name, data.csv)
			if c.URI != result.ModelID || c.RunID != result.RunID {
				t.Fatalf(
					"the champion is %s of run %s, want the version that was trained, %s of run %s",
					c.URI,
					c.RunID,
					result.ModelID,
					result.RunID,
				)
			}
			c.Serve = data.name == "iris"
			cases = append(cases, c)
		}
		for name, other := range interopVariants {
			name = "interop-" + data.name + "-" + name
			s.train(
				workflows.TrainingInput{
					Model:           name,
					DatasetURI:      uri,
					Algorithm:       other.algorithm,
					Hyperparameters: json.RawMessage(other.hyperparameters),
				},
			)
			c := s.interopCase(name, data.csv)
			c.Serve = data.name == "iris"
			cases = append(cases, c)
		}
	}
	s.check(
		script{name: "check.py", code: interopScript, python: paths.Interop, timeout: interopTimeout},
		cases,
		len(cases),
	)
}

// loadChampion loads the champion of a model as Iris does, and returns it with a case without rows.
func (s *iris) loadChampion(name string) (interopCase, *model.Model) {
	s.t.Helper()
	version, err := s.Registry.Champion(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := s.Registry.Load(s.t.Context(), version)
	if err != nil {
		s.t.Fatal(err)
	}
	return interopCase{
		Model:    name,
		URI:      version.URI(),
		RunID:    version.RunID,
		ModelID:  version.LoggedModelID,
		Features: m.Schema().Features,
		Classes:  m.Schema().Classes,
	}, m
}

// interopCase loads the champion of a model, and scores the rows of its dataset with it.
func (s *iris) interopCase(name string, csv []byte) interopCase {
	s.t.Helper()
	c, m := s.loadChampion(name)
	schema := m.Schema()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{Known: &schema})
	if err != nil {
		s.t.Fatal(err)
	}
	for r := range table.Rows() {
		p := make([]float64, len(schema.Classes))
		label := m.Predict(table.Row(r), p)
		c.Rows = append(c.Rows, table.Row(r))
		c.Labels = append(c.Labels, schema.Classes[label])
		c.Probabilities = append(c.Probabilities, p)
	}
	return c
}
