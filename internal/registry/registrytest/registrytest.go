// Package registrytest gives tests a registry on a real MLflow and a real MinIO, with models to register and promote.
// Only tests import it.
package registrytest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/partition"
	"iris/internal/registry"
	"iris/internal/testenv"
	"iris/model"
)

// World is a registry with a model of its own in MLflow and a bucket of its own in MinIO. The registry reaches both
// through a proxy; Lab and Store do not.
type World struct {
	*registry.Registry
	Model      string
	Experiment string // of the model, in MLflow
	Lab        *mlflow.Client
	Store      *objstore.Store
	Bucket     string

	LabProxy, S3Proxy *testenv.Proxy

	t       testing.TB
	address string        // of MLflow
	later   *atomic.Int64 // what Advance has added to the clock
}

// New returns a world whose model has no version yet.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{
		t:       t,
		address: testenv.All(t).MLflow,
		later:   new(atomic.Int64),
		Lab:     testenv.MLflow(t),
		Store:   testenv.S3(t),
		Bucket:  testenv.Bucket(t),
	}
	var lab *mlflow.Client
	var store *objstore.Store
	w.LabProxy, lab = testenv.MLflowProxy(t)
	w.S3Proxy, store = testenv.S3Proxy(t)
	var err error
	o := registry.Options{MLflow: lab, Store: store, Bucket: w.Bucket, Now: w.now}
	if w.Registry, err = registry.New(o); err != nil {
		t.Fatal(err)
	}
	w.newModel()
	return w
}

// Another returns a world with another model on the same registry.
func (w *World) Another() *World {
	w.t.Helper()
	another := *w
	another.newModel()
	return &another
}

// newModel gives the world a model that does not exist yet.
func (w *World) newModel() {
	w.t.Helper()
	w.Model = "m" + strings.ToLower(rand.Text()[:12])
	var err error
	if w.Experiment, err = w.Lab.EnsureExperiment(w.t.Context(), w.Model); err != nil {
		w.t.Fatal(err)
	}
	// Other tests list all models of the server.
	w.t.Cleanup(func() {
		if err := w.DeleteModel(context.Background()); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *World) now() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }

// Advance moves the clock of the registry.
func (w *World) Advance(d time.Duration) { w.later.Add(int64(d)) }

// Direct returns a registry on the same servers that does not use the proxies, as another process has.
func (w *World) Direct() *registry.Registry {
	w.t.Helper()
	r, err := registry.New(registry.Options{MLflow: w.Lab, Store: w.Store, Bucket: w.Bucket, Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// MoveAlias points the alias champion at a version, as a person may on MLflow's pages. An empty version removes it.
func (w *World) MoveAlias(version string) {
	w.t.Helper()
	err := w.Lab.DeleteAlias(w.t.Context(), w.Model, registry.ChampionAlias)
	if version != "" {
		err = w.Lab.SetAlias(w.t.Context(), w.Model, registry.ChampionAlias, version)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// DeleteVersion deletes a version, as a person may on MLflow's pages.
func (w *World) DeleteVersion(number string) {
	w.t.Helper()
	body := map[string]string{"name": w.Model, "version": number}
	status, err := w.Call(w.t.Context(), http.MethodDelete, "model-versions/delete", body)
	if err != nil || status != http.StatusOK {
		w.t.Fatalf("delete version %s: status %d, %v", number, status, err)
	}
}

// DeleteModel deletes the registered model with its versions, as a person may on MLflow's pages.
func (w *World) DeleteModel(ctx context.Context) error {
	status, err := w.Call(ctx, http.MethodDelete, "registered-models/delete", map[string]string{"name": w.Model})
	if err == nil && status != http.StatusOK && status != http.StatusNotFound {
		err = fmt.Errorf("delete model %s: status %d", w.Model, status)
	}
	return err
}

// Call makes a request to MLflow's REST API that its client has no method for.
func (w *World) Call(ctx context.Context, method, path string, body any) (status int, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, method, w.address+"/api/2.0/mlflow/"+path, bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// Candidate returns a fitted model with a run of its own. Different seeds give different artifacts.
func (w *World) Candidate(seed uint64) registry.Candidate {
	w.t.Helper()
	run, err := w.Lab.CreateRun(
		w.t.Context(),
		mlflow.NewRun{ExperimentID: w.Experiment, Name: "run", Start: time.Now()},
	)
	if err != nil {
		w.t.Fatal(err)
	}
	m := Fit(w.t, seed, dataset.IrisCSV())
	return registry.Candidate{
		Model:         w.Model,
		ExperimentID:  w.Experiment,
		RunID:         run.ID,
		TaskID:        "training-" + run.ID,
		Description:   "a test",
		GitCommit:     "abc123",
		Artifact:      Encode(w.t, m),
		Spec:          m.Spec(),
		Schema:        m.Schema(),
		Split:         partition.Split{Seed: seed, TestSize: 0.25, Moved: []string{"ab12"}},
		DatasetSHA256: strings.Repeat("d", 64),
		Metrics:       map[string]float64{"accuracy": 0.9, "log_loss": 0.1, "macro_f1": 0.8, "recall/setosa": 1},
		Portable: &mlflow.ONNXModel{
			ONNX:    []byte("a graph"),
			Inputs:  []mlflow.Column{{Name: "x", Type: "double"}},
			Outputs: []mlflow.Column{{Name: "label", Type: "string"}},
			Example: [][]any{{1}},
		},
		Files: map[string][]byte{"note.txt": []byte("made by a test"), "LICENCE": []byte("a type that nobody knows")},
	}
}

// MustRegister registers a new candidate.
func (w *World) MustRegister(seed uint64) registry.Version {
	w.t.Helper()
	v, err := w.Register(w.t.Context(), w.Candidate(seed))
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// RegisterForeign creates a version of the model as another program would, with MLflow's API alone.
func (w *World) RegisterForeign() {
	w.t.Helper()
	c := w.Candidate(1)
	if err := w.Lab.EnsureRegisteredModel(w.t.Context(), w.Model, "", nil); err != nil {
		w.t.Fatal(err)
	}
	logged, err := w.Lab.CreateLoggedModel(
		w.t.Context(),
		mlflow.NewLoggedModel{ExperimentID: w.Experiment, Name: "model", RunID: c.RunID},
	)
	if err != nil {
		w.t.Fatal(err)
	}
	v := mlflow.NewVersion{Name: w.Model, LoggedModelID: logged.ID, RunID: c.RunID}
	if _, err := w.Lab.CreateVersion(w.t.Context(), v); err != nil {
		w.t.Fatal(err)
	}
}

// Epoch is the time of the first promotion of a test.
var Epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Promotion returns a promotion of a version at a minute after Epoch, by a task of its own.
func (w *World) Promotion(version string, minute int) registry.Promotion {
	at := Epoch.Add(time.Duration(minute) * time.Minute)
	return registry.Promotion{
		Model:   w.Model,
		Version: version,
		Actor:   "ada",
		Reason:  "better",
		TaskID:  "run/" + at.Format("15-04"),
		At:      at,
	}
}

// MustPromote makes the promotion that Promotion describes.
func (w *World) MustPromote(version string, minute int) registry.Entry {
	w.t.Helper()
	e, err := w.Promote(w.t.Context(), w.Promotion(version, minute))
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// Overwrite replaces a file of a version without the registry.
func (w *World) Overwrite(v registry.Version, name string, b []byte) {
	w.t.Helper()
	logged, err := w.Lab.GetLoggedModel(w.t.Context(), v.LoggedModelID)
	if err != nil {
		w.t.Fatal(err)
	}
	r, size := bytes.NewReader(b), int64(len(b))
	err = w.Lab.PutArtifact(w.t.Context(), logged.ArtifactURI, name, r, size, "application/json")
	if err != nil {
		w.t.Fatal(err)
	}
}

// Fit trains a model on a CSV.
func Fit(t testing.TB, seed uint64, csv []byte) *model.Model {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Train(t.Context(), table, model.Spec{Seed: seed}, func(model.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Encode returns the artifact of a model.
func Encode(t testing.TB, m *model.Model) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
