package registry_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
	"iris/model"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is a model of its own in a real MLflow and a bucket of its own in a real MinIO, each behind a proxy.
type world struct {
	*registry.Registry
	t          *testing.T
	model      string
	experiment string
	mlflow     *mlflow.Client  // not through the proxy
	store      *objstore.Store // not through the proxy
	bucket     string
	lab, s3    *proxy
	address    string // of MLflow
}

func newWorld(t *testing.T) *world {
	t.Helper()
	addresses := testenv.All(t)
	w := &world{
		t:       t,
		address: addresses.MLflow,
		model:   "m" + strings.ToLower(rand.Text()[:12]),
		mlflow:  testenv.MLflow(t),
		store:   testenv.S3(t),
		bucket:  testenv.Bucket(t),
		lab: newProxy(
			t,
			addresses.MLflow,
			false,
		),
		s3: newProxy(t, "http://"+strings.TrimPrefix(addresses.S3, "http://"), true),
	}
	store, err := objstore.New(
		objstore.Options{Endpoint: w.s3.URL, AccessKey: addresses.S3AccessKey, SecretKey: addresses.S3SecretKey},
	)
	if err != nil {
		t.Fatal(err)
	}
	w.Registry, err = registry.New(
		registry.Options{MLflow: mlflow.New(mlflow.Options{URL: w.lab.URL}), Store: store, Bucket: w.bucket},
	)
	if err != nil {
		t.Fatal(err)
	}
	if w.experiment, err = w.mlflow.EnsureExperiment(t.Context(), w.model); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.clean)
	return w
}

// clean deletes the model, so that the caches of the tests to come don't follow it.
func (w *world) clean() {
	if err := w.deleteModel(context.Background()); err != nil {
		w.t.Error(err)
	}
}

// deleteModel removes the registered model, if there is one, with its versions, as somebody may in MLflow's pages.
func (w *world) deleteModel(ctx context.Context) error {
	status, err := w.byHand(ctx, http.MethodDelete, "registered-models/delete", map[string]string{"name": w.model})
	if err == nil && status != http.StatusOK && status != http.StatusNotFound {
		err = fmt.Errorf("delete model %s: status %d", w.model, status)
	}
	return err
}

// byHand asks MLflow for what the client has no method for.
func (w *world) byHand(ctx context.Context, method, path string, body any) (status int, err error) {
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

// candidate is a fitted model with a run of its own. The seed makes its bytes its own as well.
func (w *world) candidate(seed uint64) registry.Candidate {
	w.t.Helper()
	run, err := w.mlflow.CreateRun(
		w.t.Context(),
		mlflow.NewRun{ExperimentID: w.experiment, Name: "run", Start: time.Now()},
	)
	if err != nil {
		w.t.Fatal(err)
	}
	m := fit(w.t, seed, dataset.IrisCSV())
	artifact, err := m.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	return registry.Candidate{
		Model:        w.model,
		ExperimentID: w.experiment,
		RunID:        run.ID,
		TaskID:       "training-" + run.ID,
		Description:  "a test",
		GitCommit:    "abc123",
		Artifact:     artifact,
		Spec:         m.Spec(),
		Schema:       m.Schema(),
		Split:        dataset.Split{Seed: seed, TestSize: 0.25, Moved: []string{"ab12"}},
		DatasetSHA256: strings.Repeat(
			"d",
			64,
		),
		Metrics: map[string]float64{"accuracy": 0.9, "log_loss": 0.1, "macro_f1": 0.8, "recall/setosa": 1},
		Portable: &mlflow.ONNXModel{
			ONNX: []byte(
				"a graph",
			),
			Inputs:  []mlflow.Column{{Name: "x", Type: "double"}},
			Outputs: []mlflow.Column{{Name: "label", Type: "string"}},
			Example: [][]float64{{1}},
		},
		Files: map[string][]byte{"note.txt": []byte("made by a test"), "LICENCE": []byte("a type that nobody knows")},
	}
}

// register registers a new candidate.
func (w *world) register(seed uint64) registry.Version {
	w.t.Helper()
	v, err := w.Register(w.t.Context(), w.candidate(seed))
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// epoch is when the first promotion of every test happens.
var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// promotion asks for a version at a minute, by a task of its own.
func (w *world) promotion(version string, minute int) registry.Promotion {
	at := epoch.Add(time.Duration(minute) * time.Minute)
	return registry.Promotion{
		Model:   w.model,
		Version: version,
		Actor:   "ada",
		Reason:  "better",
		TaskID:  "run/" + at.Format("15-04"),
		At:      at,
	}
}

func (w *world) promote(version string, minute int) registry.Entry {
	w.t.Helper()
	e, err := w.Promote(w.t.Context(), w.promotion(version, minute))
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// alias is the number an alias points to, "" when it does not exist.
func (w *world) alias(name string) string {
	w.t.Helper()
	mv, err := w.mlflow.GetAlias(w.t.Context(), w.model, name)
	if err != nil && !errors.Is(err, mlflow.ErrNotExist) {
		w.t.Fatal(err)
	}
	return mv.Version
}

// overwrite replaces a file of a version behind the registry's back.
func (w *world) overwrite(v registry.Version, name string, b []byte) {
	w.t.Helper()
	logged, err := w.mlflow.GetLoggedModel(w.t.Context(), v.ModelID)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.mlflow.PutArtifact(
		w.t.Context(),
		logged.ArtifactURI,
		name,
		bytes.NewReader(b),
		int64(len(b)),
		"application/json",
	); err != nil {
		w.t.Fatal(err)
	}
}

func fit(t *testing.T, seed uint64, csv []byte) *model.Model {
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

func TestNew_namesWhatIsMissing(t *testing.T) {
	lab, store := new(mlflow.Client), new(objstore.Store)
	for _, test := range []struct {
		name    string
		options registry.Options
		want    string
	}{
		{"no MLflow", registry.Options{Store: store, Bucket: "iris"}, "MLflow"},
		{"no store", registry.Options{MLflow: lab, Bucket: "iris"}, "Store"},
		{"no bucket", registry.Options{MLflow: lab, Store: store}, "Bucket"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := registry.New(test.options); err == nil || !strings.Contains(err.Error(), test.want+" is missing") {
				t.Errorf("got %v, want %s is missing", err, test.want)
			}
		})
	}
}

func TestModels_listsIrisBeforeAnythingIsTrained(t *testing.T) {
	w := newWorld(t)
	infos, err := w.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(infos, registry.Info{Name: "iris"}) {
		t.Errorf("got %+v, want iris without a version among them", infos)
	}
	if versions, err := w.Versions(t.Context(), "iris"); err != nil || versions == nil || len(versions) != 0 {
		t.Errorf("versions of iris: got %v, %v; want an empty list", versions, err)
	}
	if got, err := w.Schema(
		t.Context(),
		"iris",
	); err != nil || !got.SameFeatures(dataset.Iris()) ||
		!got.SameClasses(dataset.Iris()) {
		t.Errorf("schema of iris: got %+v, %v; want the bundled one", got, err)
	}
	if _, err := w.Champion(t.Context(), "iris"); !errors.Is(err, registry.ErrNotExist) {
		t.Errorf("champion of iris: got %v, want ErrNotExist", err)
	}
	if entries, _, err := w.History(
		t.Context(),
		"iris",
		registry.Page{},
	); err != nil || entries == nil ||
		len(entries) != 0 {
		t.Errorf("history of iris: got %v, %v; want an empty list", entries, err)
	}
}

func TestModels_namesChampionAndLatest(t *testing.T) {
	w := newWorld(t)
	if err := w.mlflow.EnsureRegisteredModel(t.Context(), "Not_Ours-"+w.model, "", nil); err != nil {
		t.Fatal(err)
	}
	w.register(1)
	w.register(2)
	w.promote("1", 0)
	// MLflow then lists a latest version for each of its old stages.
	status, err := w.byHand(t.Context(), http.MethodPost, "model-versions/transition-stage", map[string]any{
		"name": w.model, "version": "1", "stage": "Archived", "archive_existing_versions": false,
	})
	if err != nil || status != http.StatusOK {
		t.Fatalf("archive version 1: status %d, %v", status, err)
	}
	infos, err := w.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := (registry.Info{Name: w.model, Champion: "1", LatestVersion: "2"}); !slices.Contains(infos, want) {
		t.Errorf("got %+v, want %+v among them", infos, want)
	}
	if !slices.IsSortedFunc(infos, func(a, b registry.Info) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("got %+v, want them by name", infos)
	}
	if slices.ContainsFunc(infos, func(i registry.Info) bool { return strings.HasPrefix(i.Name, "Not_Ours") }) {
		t.Errorf("got %+v, want only what can be a model of iris", infos)
	}
}

func TestVersions_newestFirstWithAliases(t *testing.T) {
	w := newWorld(t)
	for seed := range 11 { // "10" sorts after "9"
		w.register(uint64(seed))
	}
	w.promote("2", 0)
	w.promote("10", 1)
	versions, err := w.Versions(t.Context(), w.model)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	aliases := map[string]string{}
	for _, v := range versions {
		numbers = append(numbers, v.Number)
		for _, alias := range v.Aliases {
			aliases[alias] = v.Number
		}
	}
	if want := strings.Fields("11 10 9 8 7 6 5 4 3 2 1"); !slices.Equal(numbers, want) {
		t.Errorf("got versions %v, want %v", numbers, want)
	}
	if aliases["champion"] != "10" || aliases["previous"] != "2" || len(aliases) != 2 {
		t.Errorf("got aliases %v, want champion 10 and previous 2", aliases)
	}
	if got := versions[0]; got.Seed != 10 || got.Metrics["accuracy"] != 0.9 || got.Split.Seed != 10 || got.Aliases == nil {
		t.Errorf("got %+v, want what was registered", got)
	}
}

func TestVersions_showsWhatSomebodyBroke(t *testing.T) {
	w := newWorld(t)
	v := w.register(1)
	if err := w.mlflow.SetVersionTag(t.Context(), w.model, v.Number, "iris.metrics", "good"); err != nil {
		t.Fatal(err)
	}
	other := w.register(2)
	if err := w.mlflow.SetVersionTag(t.Context(), w.model, other.Number, "iris.recipe", "good"); err != nil {
		t.Fatal(err)
	}
	versions, err := w.Versions(t.Context(), w.model)
	if err != nil || len(versions) != 2 || versions[1].RunID != v.RunID || versions[0].Recipe != nil {
		t.Errorf("got %+v, %v; want the versions all the same", versions, err)
	}
	if _, err := w.Resolve(t.Context(), w.model, other.Number); !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("a recipe that is none: %v, want ErrCorrupt", err)
	}
}

func TestVersion_json(t *testing.T) {
	v := registry.Version{
		Model:   "iris",
		Number:  "3",
		RunID:   "r",
		ModelID: "m-1",
		Seed:    7,
		Aliases: []string{},
		Metrics: map[string]float64{"accuracy": 1},
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"model":"iris"`, `"number":"3"`, `"model_id":"m-1"`, `"aliases":[]`, `"metrics":{"accuracy":1}`, `"dataset_sha256":""`} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("got %s, want %s in it", b, want)
		}
	}
	if v.URI() != "models:/iris/3" {
		t.Errorf("got URI %s, want models:/iris/3", v.URI())
	}
}

// count is how many of the requests have the method and a path that ends so.
func count(requests []string, method, suffix string) int {
	n := 0
	for _, r := range requests {
		if strings.HasPrefix(r, method+" ") && strings.HasSuffix(r, suffix) {
			n++
		}
	}
	return n
}
