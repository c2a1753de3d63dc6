//go:build bench && linux

package bench

import (
	"bytes"
	_ "embed" // the Python programs
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"iris/model"
)

//go:embed fastapi_server.py
var fastapiServer []byte

//go:embed mlserver_onnx.py
var mlserverModel []byte

// server is a server under measurement. Each request sends the row of its question.
type server struct {
	title   string
	program *program
	url     string
	body    []byte
	want    scored // with nil probabilities any answer is right
	read    func(answer []byte) (scored, error)
}

// scored is the prediction in an answer.
type scored struct {
	label         string
	probabilities []float64
}

// question is a row, the prediction of the champion as Iris loads it, and the row as clients write it.
type question struct {
	model   string // its name
	uri     string // of the version
	schema  []string
	classes []string
	row     []float64
	object  []byte // the row as JSON
	want    scored
}

// ask prepares the question for a champion.
func (s *system) ask(t *testing.T, name string, row []float64) question {
	t.Helper()
	m, uri := s.champion(t, name)
	q := question{model: name, uri: uri, schema: m.Schema().Features, classes: m.Schema().Classes, row: row}
	q.want.probabilities = make([]float64, len(q.classes))
	q.want.label = q.classes[m.Predict(row, q.want.probabilities)]
	q.object = objectOf(t, m, row)
	return q
}

// objectOf writes a row as a JSON object in the order of the schema.
func objectOf(t *testing.T, m *model.Model, row []float64) []byte {
	t.Helper()
	var b bytes.Buffer
	for i, name := range m.Schema().Features {
		key, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%v", key, row[i])
	}
	return fmt.Appendf(nil, "{%s}", b.Bytes())
}

// ready waits for the first right answer.
func (s *server) ready(t *testing.T) *server {
	t.Helper()
	s.program.await(t, 50*time.Millisecond, s.check)
	return s
}

// check sends one request and compares the answer.
func (s *server) check() error {
	status, answer, err := tryPost(s.url, "application/json", s.body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s: status %d: %.500s", s.title, status, answer)
	}
	got, err := s.read(answer)
	if err != nil {
		return fmt.Errorf("%s: %w in %.500s", s.title, err, answer)
	}
	same := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6 } // false for NaN
	if s.want.probabilities != nil &&
		(got.label != s.want.label || !slices.EqualFunc(got.probabilities, s.want.probabilities, same)) {
		return fmt.Errorf("%s says %v, want %v", s.title, got, s.want)
	}
	return nil
}

// iris returns the API process of the system.
func (s *system) iris(q question) *server {
	return &server{
		title: "iris apiserver", program: s.api, url: s.url + "/" + q.model + "/predict", body: q.object, want: q.want,
		read: func(answer []byte) (scored, error) {
			var a struct {
				Label  string
				Logits [][]float64
			}
			err := json.Unmarshal(answer, &a)
			if err == nil && len(a.Logits) != 1 {
				err = fmt.Errorf("%d rows", len(a.Logits))
			}
			if err != nil {
				return scored{}, err
			}
			return scored{a.Label, a.Logits[0]}, nil
		},
	}
}

// bare starts a net/http handler that decodes the row and always sends the answer of Iris.
func (s *system) bare(t *testing.T, q question) *server {
	t.Helper()
	_, answer := post(t, s.url+"/"+q.model+"/predict", "application/json", q.object)
	features, err := json.Marshal(q.schema)
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	v := &server{
		title: "net/http, fixed answer",
		url:   "http://" + address + "/",
		body:  q.object,
		read:  func([]byte) (scored, error) { return scored{}, nil },
	}
	v.program = run(
		t,
		"bare",
		[]string{bareAddress + "=" + address, bareFeatures + "=" + string(features), bareAnswer + "=" + string(answer)},
		os.Args[0],
	)
	return v
}

// fastapi starts FastAPI with onnxruntime.
func (s *system) fastapi(t *testing.T, q question, onnx string) *server {
	t.Helper()
	script := filepath.Join(t.TempDir(), "server.py")
	write(t, script, fastapiServer)
	address := freeAddress(t)
	v := &server{title: "FastAPI, onnxruntime", url: "http://" + address + "/predict", body: q.object, want: q.want}
	v.read = func(answer []byte) (scored, error) {
		var a struct {
			Label         string
			Probabilities map[string]float64
		}
		err := json.Unmarshal(answer, &a)
		return scored{a.Label, q.inOrder(a.Probabilities)}, err
	}
	v.program = run(t, "fastapi", nil, s.paths.FastAPI, script, onnx, port(address))
	return v
}

// inOrder returns probabilities in the order of the classes. A missing one is NaN.
func (q question) inOrder(byClass map[string]float64) []float64 {
	all := make([]float64, len(q.classes))
	for k, class := range q.classes {
		p, ok := byClass[class]
		if !ok {
			p = math.NaN()
		}
		all[k] = p
	}
	return all
}

// mlserver starts MLServer on the V2 protocol, without worker processes, which makes it faster at one row.
func (s *system) mlserver(t *testing.T, q question, onnx string) *server {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	write(t, filepath.Join(dir, "bench_onnx.py"), mlserverModel)
	write(t, filepath.Join(dir, "settings.json"), encode(t, map[string]any{
		"host": "127.0.0.1", "http_port": number(t, port(address)), "grpc_port": number(t, port(freeAddress(t))),
		"metrics_port": number(t, port(freeAddress(t))), "parallel_workers": 0, "debug": false,
	}))
	write(t, filepath.Join(dir, "model-settings.json"), encode(t, map[string]any{
		"name": q.model, "implementation": "bench_onnx.ONNX", "parameters": map[string]string{"uri": onnx},
	}))
	v := &server{
		title: "MLServer, onnxruntime",
		url:   "http://" + address + "/v2/models/" + q.model + "/infer",
		want:  q.want,
	}
	v.body = encode(t, map[string]any{"inputs": []any{
		map[string]any{"name": "input", "shape": []int{1, len(q.row)}, "datatype": "FP64", "data": q.row},
	}})
	v.read = func(answer []byte) (scored, error) {
		var a struct {
			Outputs []struct{ Data []any }
		}
		if err := json.Unmarshal(answer, &a); err != nil {
			return scored{}, err
		}
		var got scored
		for i, output := range a.Outputs {
			if len(output.Data) != 1 {
				return scored{}, fmt.Errorf("%d values in output %d", len(output.Data), i)
			}
			switch value := output.Data[0].(type) {
			case string:
				got.label = value
			case float64:
				got.probabilities = append(got.probabilities, value)
			}
		}
		return got, nil
	}
	v.program = run(
		t,
		"mlserver",
		[]string{"PYTHONPATH=" + dir},
		s.paths.MLServer,
		"-c",
		"from mlserver.cli import main; main()",
		"start",
		dir,
	)
	return v
}

// uvicornScript becomes uvicorn, after it has requested a SIGKILL from the kernel for when its parent dies.
const uvicornScript = `import ctypes, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
import uvicorn
sys.exit(uvicorn.main())
`

// mlflow starts `mlflow models serve` with its defaults and the registered version.
func (s *system) mlflow(t *testing.T, q question) *server {
	t.Helper()
	bin, address := t.TempDir(), freeAddress(t)
	// MLflow starts uvicorn by name, and the environment's own refers to the folder in which it was installed. This one
	// also ends whenever MLflow ends.
	uvicorn := filepath.Join(bin, "uvicorn")
	write(t, uvicorn, fmt.Appendf(nil, "#!%s\n%s", s.paths.Interop, uvicornScript))
	if err := os.Chmod(uvicorn, 0o700); err != nil {
		t.Fatal(err)
	}
	v := &server{title: "mlflow models serve", url: "http://" + address + "/invocations", want: q.want}
	v.body = slices.Concat([]byte(`{"dataframe_records":[`), q.object, []byte(`]}`))
	v.read = func(answer []byte) (scored, error) {
		var a struct{ Predictions []map[string]any }
		if err := json.Unmarshal(answer, &a); err != nil {
			return scored{}, err
		}
		if len(a.Predictions) != 1 {
			return scored{}, fmt.Errorf("%d predictions", len(a.Predictions))
		}
		got, byClass := scored{}, map[string]float64{}
		for _, class := range q.classes {
			if p, ok := a.Predictions[0]["p_"+class].(float64); ok {
				byClass[class] = p
			}
		}
		got.label, _ = a.Predictions[0]["label"].(string)
		got.probabilities = q.inOrder(byClass)
		return got, nil
	}
	environment := append(s.mlflowEnvironment(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	v.program = run(t, "mlflow", environment, s.paths.Interop, "-m", "mlflow", "models", "serve",
		"-m", q.uri, "--env-manager", "local", "--host", "127.0.0.1", "--port", port(address))
	return v
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func number(t testing.TB, text string) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
