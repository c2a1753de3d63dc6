//go:build interop

package e2e

import (
	"bytes"
	"context"
	_ "embed" // for the script
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iris/internal/dataset/datasettest"
	"iris/internal/registry"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

//go:embed interop/open_inference.py
var openInferenceScript []byte

// openInferenceTimeout bounds the Python program; a case takes it about a second.
const openInferenceTimeout = 10 * time.Minute

// openInferenceCase is a champion and what it says of rows, for open_inference.py.
type openInferenceCase struct {
	Model    string             `json:"model"`
	Version  string             `json:"version"`
	Features []string           `json:"features"`
	Classes  []string           `json:"classes"`
	Rows     [][]float64        `json:"rows"`
	Want     openInferenceWants `json:"want"`
	Want32   openInferenceWants `json:"want32"` // of the rows rounded to 32 bits, which may fall on other sides of a split
}

type openInferenceWants struct {
	Labels        []string    `json:"labels"`
	Probabilities [][]float64 `json:"probabilities"`
}

// openInferenceGiven is what open_inference.py is told.
type openInferenceGiven struct {
	HTTP  string              `json:"http"`
	GRPC  string              `json:"grpc"`
	Cases []openInferenceCase `json:"cases"`
}

// Models of every family answer Triton's client, over HTTP and gRPC and in every form that it sends and takes, as the Go
// scorer does: the same labels, probabilities within 1e-6, on all rows of three datasets.
func TestInteropOpenInference(t *testing.T) {
	paths, err := testenv.Install(t.Context(), os.Stderr, stack.TritonClient)
	if err != nil {
		t.Fatal(err)
	}
	s := connect(t)
	s.run(t, s.RunWorker)
	var given openInferenceGiven
	for _, data := range []struct {
		name string
		csv  []byte
	}{{"iris", datasettest.Iris()}, {"wine", datasettest.Wine()}, {"breast-cancer", datasettest.BreastCancer()}} {
		uri := s.put("given/interop-v2-"+data.name+".csv", data.csv)
		for _, algorithm := range model.Algorithms() {
			name := data.name + "-" + strings.ReplaceAll(string(algorithm), "_", "-")
			given.Cases = append(given.Cases, s.openInferenceCase(name, uri, algorithm, data.csv))
		}
	}
	s.serveOpenInference(&given)
	s.checkOpenInference(paths.TritonClient, given)
}

// serveOpenInference starts an API that serves the champions of all cases from the start, and that of the default model,
// without which a server is not ready.
func (s *iris) serveOpenInference(given *openInferenceGiven) {
	s.t.Helper()
	byDefault := config(s.addresses).DefaultModel
	if _, err := s.Registry.Champion(s.t.Context(), byDefault); errors.Is(err, registry.ErrNotExist) {
		s.train(workflows.TrainingInput{Model: byDefault})
	}
	for _, c := range append(given.Cases, openInferenceCase{Model: byDefault}) {
		if err := s.Cache.Refresh(s.t.Context(), c.Model); err != nil {
			s.t.Fatal(err)
		}
	}
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			s.t.Fatal(err)
		}
	}
	given.HTTP, given.GRPC = listeners[0].Addr().String(), listeners[1].Addr().String()
	s.run(s.t, func(ctx context.Context) error { return s.RunAPI(ctx, listeners[0], listeners[1]) })
}

// checkOpenInference gives the cases to Python. Its report goes to the log of the test.
func (s *iris) checkOpenInference(python string, given openInferenceGiven) {
	s.t.Helper()
	dir := s.t.TempDir()
	encoded, err := json.Marshal(given)
	if err != nil {
		s.t.Fatal(err)
	}
	script, file := filepath.Join(dir, "open_inference.py"), filepath.Join(dir, "cases.json")
	for path, content := range map[string][]byte{script: openInferenceScript, file: encoded} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), openInferenceTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, script, file)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost", "PYTHONUNBUFFERED=1")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		s.t.Log(strings.TrimSpace(line))
	}
	if err != nil {
		s.t.Fatalf("open_inference.py: %v\n%s", err, complaints.Bytes())
	}
	if got := bytes.Count(out, []byte("\n")); got != len(given.Cases) {
		s.t.Errorf("open_inference.py reports on %d of %d cases", got, len(given.Cases))
	}
}

// openInferenceCase is the model of a family that TestInterop has trained, or else one that is trained now.
func (s *iris) openInferenceCase(name, uri string, algorithm model.Algorithm, csv []byte) openInferenceCase {
	s.t.Helper()
	trained := "interop-" + name
	if _, err := s.Registry.Champion(s.t.Context(), trained); errors.Is(err, registry.ErrNotExist) {
		trained = "v2-" + name
		s.train(workflows.TrainingInput{Model: trained, Dataset: uri, Algorithm: algorithm})
	} else if err != nil {
		s.t.Fatal(err)
	}
	of := s.interopCase(trained, csv)
	c := openInferenceCase{
		Model: trained, Version: of.URI[strings.LastIndexByte(of.URI, '/')+1:], Features: of.Features, Classes: of.Classes, Rows: of.Rows,
		Want: openInferenceWants{of.Labels, of.Probabilities},
	}
	version, err := s.Registry.Champion(s.t.Context(), trained)
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := s.Registry.Load(s.t.Context(), version)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, row := range of.Rows {
		rounded, p := make([]float64, len(row)), make([]float64, len(of.Classes))
		for i, v := range row {
			rounded[i] = float64(float32(v))
		}
		c.Want32.Labels = append(c.Want32.Labels, of.Classes[m.Predict(rounded, p)])
		c.Want32.Probabilities = append(c.Want32.Probabilities, p)
	}
	return c
}
