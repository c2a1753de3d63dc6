//go:build interop

package e2e

import (
	"context"
	_ "embed" // open_inference.py
	"errors"
	"net"
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

// openInferenceTimeout bounds the Python program. One case takes about a second.
const openInferenceTimeout = 10 * time.Minute

// openInferenceCase is a champion with its predictions of rows, for open_inference.py.
type openInferenceCase struct {
	Model    string             `json:"model"`
	Version  string             `json:"version"`
	Features []string           `json:"features"`
	Classes  []string           `json:"classes"`
	Rows     [][]float64        `json:"rows"`
	Want     openInferenceWants `json:"want"`
	Want32   openInferenceWants `json:"want32"` // for rows rounded to 32 bits, which may fall on other sides of a split
}

type openInferenceWants struct {
	Labels        []string    `json:"labels"`
	Probabilities [][]float64 `json:"probabilities"`
}

// openInferenceGiven is the input of open_inference.py.
type openInferenceGiven struct {
	HTTP  string              `json:"http"`
	GRPC  string              `json:"grpc"`
	Cases []openInferenceCase `json:"cases"`
}

// Models of every family answer Triton's client over HTTP and gRPC, in every form that it supports. They must agree
// with Iris: the same labels, probabilities within 1e-6, on all rows of three datasets.
func TestInteropOpenInference(t *testing.T) {
	paths := testenv.Programs(t, stack.TritonClient)
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
	s.check(
		script{
			name:    "open_inference.py",
			code:    openInferenceScript,
			python:  paths.TritonClient,
			timeout: openInferenceTimeout,
		},
		given,
		len(given.Cases),
	)
}

// serveOpenInference starts an API that serves the champions of all cases from the start. It also serves the champion
// of the default model, without which a server is not ready.
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

// openInferenceCase uses the model of a family that TestInterop has trained, or trains one.
func (s *iris) openInferenceCase(name, uri string, algorithm model.Algorithm, csv []byte) openInferenceCase {
	s.t.Helper()
	trained := "interop-" + name
	if _, err := s.Registry.Champion(s.t.Context(), trained); errors.Is(err, registry.ErrNotExist) {
		trained = "v2-" + name
		s.train(workflows.TrainingInput{Model: trained, DatasetURI: uri, Algorithm: algorithm})
	} else if err != nil {
		s.t.Fatal(err)
	}
	of := s.interopCase(trained, csv)
	c := openInferenceCase{
		Model:    trained,
		Version:  of.URI[strings.LastIndexByte(of.URI, '/')+1:],
		Features: of.Features,
		Classes:  of.Classes,
		Rows:     of.Rows,
		Want:     openInferenceWants{of.Labels, of.Probabilities},
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
