package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/dial"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/partition"
	"iris/internal/registry"
	"iris/internal/stack"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world is shared by all tests: real servers, some models, and a worker with fake workflows.
type world struct {
	addresses stack.Addresses
	namespace string
	bucket    string
	temporal  client.Client
	store     *objstore.Store
	mlflow    *mlflow.Client
	registry  *registry.Registry
	cache     *champions.Cache
}

// The models of the world. A test that changes a model has its own.
const (
	wineModel       = "wine"       // version 1 is the champion
	awkwardModel    = "awkward"    // its names need escaping everywhere
	unpromotedModel = "unpromoted" // has a version and no champion
	wideModel       = "wide"       // has 30 features
)

// awkwardCSV has names and labels that JSON, CSV and URLs must escape.
const awkwardCSV = "\"a/b~c\",\"say \"\"hi\"\"\",kind\n" +
	"1,2,\"<a & \"\"b\"\">\"\n2,1,\"<a & \"\"b\"\">\"\n8,9,\"ü,é\"\n9,8,\"ü,é\"\n"

var shared struct {
	once sync.Once
	*world
}

// theWorld returns the shared world. The first test that needs it creates it.
func theWorld(t testing.TB) *world {
	t.Helper()
	shared.once.Do(func() { shared.world = newWorld(t) })
	if shared.world == nil {
		t.Fatal("the servers could not be set up: see the first test that needed them")
	}
	return shared.world
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		addresses: testenv.All(t),
		namespace: testenv.Namespace(t),
		bucket:    testenv.Bucket(t),
		store:     testenv.S3(t),
	}
	w.mlflow = mlflow.New(mlflow.Options{URL: w.addresses.MLflow})
	w.registry = must(registry.New(registry.Options{MLflow: w.mlflow, Store: w.store, Bucket: w.bucket}))
	w.cache = must(champions.New(champions.Options{Registry: w.registry}))
	// testenv.Temporal would be closed at the end of the first test.
	w.temporal = must(
		client.Dial(
			client.Options{
				HostPort: w.addresses.Temporal, Namespace: w.namespace, Logger: log.NewStructuredLogger(quiet),
				ConnectionOptions: client.ConnectionOptions{DialOptions: dial.Options()},
			},
		),
	)
	w.startWorker(t, workflows.TaskQueue)

	w.addVersion(t, dataset.IrisModel, dataset.IrisCSV(), model.Spec{})
	w.addVersion(t, dataset.IrisModel, dataset.IrisCSV(), model.Spec{Algorithm: model.DecisionTree})
	w.addVersion(t, wineModel, datasettest.Wine(), model.Spec{})
	w.addVersion(t, awkwardModel, []byte(awkwardCSV), model.Spec{})
	w.addVersion(t, unpromotedModel, datasettest.Wine(), model.Spec{})
	w.addVersion(t, wideModel, datasettest.BreastCancer(), model.Spec{})
	for _, name := range []string{dataset.IrisModel, wineModel, awkwardModel, wideModel} {
		w.promote(t, name, "1")
	}
	return w
}

var quiet = slog.New(slog.DiscardHandler)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// addVersion trains a model and registers it.
func (w *world) addVersion(t testing.TB, name string, csv []byte, spec model.Spec) registry.Version {
	t.Helper()
	var known *dataset.Schema
	if name == dataset.IrisModel {
		known = new(dataset.Iris())
	}
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{Known: known})
	if err != nil {
		t.Fatal(err)
	}
	return w.addTable(t, name, table, spec)
}

// addTable trains a model on a table and registers it.
func (w *world) addTable(t testing.TB, name string, table *dataset.Table, spec model.Spec) registry.Version {
	t.Helper()
	ctx := context.Background()
	spec = must(spec.Resolve())
	m, err := model.Train(ctx, table, spec, func(model.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	experiment := must(w.mlflow.EnsureExperiment(ctx, name))
	run := must(w.mlflow.CreateRun(ctx, mlflow.NewRun{ExperimentID: experiment, Name: "test", Start: time.Now()}))
	v, err := w.registry.Register(ctx, registry.Candidate{
		Model:         name,
		ExperimentID:  experiment,
		RunID:         run.ID,
		TaskID:        "training-" + name + "-test",
		Artifact:      must(m.Encode()),
		Spec:          spec,
		Schema:        table.Schema,
		Split:         partition.NewSplit(table, 42, 0.25),
		DatasetSHA256: strings.Repeat("ab", 32),
		Metrics:       map[string]float64{"accuracy": 0.97, "log_loss": 0.1, "macro_f1": 0.96},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// promote makes a version the champion and serves it.
func (w *world) promote(t testing.TB, name, version string) {
	t.Helper()
	ctx := context.Background()
	promotion := registry.Promotion{Model: name, Version: version, Actor: "test", TaskID: "t" + version, At: time.Now()}
	if _, err := w.registry.Promote(ctx, promotion); err != nil {
		t.Fatal(err)
	}
	if err := w.cache.Refresh(ctx, name); err != nil {
		t.Fatal(err)
	}
}

// startWorker runs the fake workflows on a task queue until stop is called or the process ends.
func (w *world) startWorker(t testing.TB, queue string) (stop func()) {
	t.Helper()
	wk := worker.New(w.temporal, queue, worker.Options{})
	wk.RegisterWorkflowWithOptions(w.fakeTraining, workflow.RegisterOptions{Name: workflows.TrainingType})
	wk.RegisterWorkflowWithOptions(w.fakeBatch, workflow.RegisterOptions{Name: workflows.BatchType})
	wk.RegisterWorkflowWithOptions(w.fakePromotion, workflow.RegisterOptions{Name: workflows.PromotionType})
	wk.RegisterWorkflowWithOptions(fakeOther, workflow.RegisterOptions{Name: "Other"})
	wk.RegisterActivity(w.score)
	wk.RegisterActivity(w.makeChampion)
	wk.RegisterActivity(steady)
	wk.RegisterActivity(unlucky)
	if err := wk.Start(); err != nil {
		t.Fatal(err)
	}
	return wk.Stop
}

// api is a server under test.
type api struct {
	*Server
	*world
	url     string
	started *atomic.Int64 // workflows that the server has asked Temporal to start
	log     *syncBuffer
	busy    sync.WaitGroup
}

// newAPI serves the world. The functions change the options.
func newAPI(t testing.TB, change ...func(*Options)) *api {
	t.Helper()
	w := theWorld(t)
	a := &api{world: w, started: new(atomic.Int64), log: new(syncBuffer)}
	o := Options{
		Temporal: countingClient{
			w.temporal,
			a.started,
		},
		Store:      w.store,
		Registry:   w.registry,
		Cache:      w.cache,
		Bucket:     w.bucket,
		Namespace:  w.namespace,
		TemporalUI: "http://temporal.test",
		MLflowUI:   "http://mlflow.test",
		Version:    "v1.2.3",
		Logger:     slog.New(slog.NewTextHandler(a.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	if a.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	handler := a.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.busy.Add(1)
		defer a.busy.Done()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// idle waits until no handler runs. A client may receive its answer before the handler returns.
func (a *api) idle(t testing.TB) {
	t.Helper()
	a.busy.Wait()
}

// countingClient counts the workflows that are started.
type countingClient struct {
	client.Client
	started *atomic.Int64
}

func (c countingClient) ExecuteWorkflow(
	ctx context.Context,
	o client.StartWorkflowOptions,
	workflow any,
	args ...any,
) (client.WorkflowRun, error) {
	c.started.Add(1)
	return c.Client.ExecuteWorkflow(ctx, o, workflow, args...)
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// answer is a response of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request. A header is "Name: value".
func (a *api) do(t testing.TB, method, path string, body any, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	case []byte:
		reader = bytes.NewReader(body)
	case io.Reader:
		reader = body
	default:
		t.Fatalf("body of type %T", body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, a.url+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(r) // which follows no redirects
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", method, path, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: content}
}

// json decodes the body of an answer, which must have the status and no fields that v lacks.
func (an answer) json(t testing.TB, status int, v any) {
	t.Helper()
	if an.status != status {
		t.Fatalf("status %d, want %d: %s", an.status, status, an.body)
	}
	if got := an.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q, want application/json", got)
	}
	d := json.NewDecoder(bytes.NewReader(an.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("decode %s: %v", an.body, err)
	}
}

// problem returns the problem in an answer, which must have the status and contain the words in its detail.
func (an answer) problem(t testing.TB, status int, words ...string) told {
	t.Helper()
	if an.status != status {
		t.Fatalf("status %d, want %d: %s", an.status, status, an.body)
	}
	if got := an.header.Get("Content-Type"); got != problem.MediaType {
		t.Errorf("Content-Type %q, want %s", got, problem.MediaType)
	}
	if an.header.Get(httpio.RequestIDHeader) == "" {
		t.Errorf("no %s", httpio.RequestIDHeader)
	}
	var p told
	d := json.NewDecoder(bytes.NewReader(an.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("decode %s: %v", an.body, err)
	}
	if p.Status != status || p.Title != http.StatusText(status) || p.Type != "about:blank" || p.Detail == "" {
		t.Errorf("problem %s: want status %d, its title, about:blank and a detail", an.body, status)
	}
	for _, word := range words {
		if !strings.Contains(p.Detail, word) {
			t.Errorf("detail %q, want it to say %q", p.Detail, word)
		}
	}
	return p
}

// told is a problem in an answer.
type told struct{ problem.Problem }

// faultAt checks that the problem has exactly one fault, at the given place.
func (p told) faultAt(t testing.TB, want problem.Fault) {
	t.Helper()
	if len(p.Errors) != 1 {
		t.Fatalf("faults %+v, want one", p.Errors)
	}
	got := p.Errors[0]
	if got.Detail == "" {
		t.Error("the fault has no detail")
	}
	got.Detail = want.Detail
	if got != want {
		t.Errorf("fault %+v, want %+v", got, want)
	}
}

// refused checks that an answer is a problem of the status that says the words, at the fault unless that is nil, and
// that it has no Location.
func (an answer) refused(t testing.TB, status int, words string, fault *problem.Fault) {
	t.Helper()
	p := an.problem(t, status, words)
	if fault != nil {
		p.faultAt(t, *fault)
	}
	if an.header.Get("Location") != "" {
		t.Error("a refused request has a Location")
	}
}

// leavesNothing checks that no workflow was started, and that the bucket holds only the objects that the test stored.
func (a *api) leavesNothing(t testing.TB, stored int) {
	t.Helper()
	a.idle(t)
	if n := a.started.Load(); n != 0 {
		t.Errorf("%d workflows were started", n)
	}
	if keys := a.keys(t, a.Bucket, ""); len(keys) != stored {
		t.Errorf("left behind: %v, want %d objects", keys, stored)
	}
}

// hangUp sends the start of an upload and then lines until it hangs up.
func (a *api) hangUp(t testing.TB, path, contentType, start, line string) {
	t.Helper()
	sent, client := io.Pipe()
	go func() {
		_, _ = io.Copy(client, io.MultiReader(strings.NewReader(start), io.LimitReader(&repeating{line: line}, 40<<20)))
		client.CloseWithError(errors.New("the line is dead"))
	}()
	r := must(http.NewRequest("POST", a.url+path, sent))
	r.Header.Set("Content-Type", contentType)
	if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
		defer response.Body.Close()
		t.Fatalf("status %d for half an upload", response.StatusCode)
	}
}

// keys lists the keys of a bucket with a prefix.
func (w *world) keys(t testing.TB, bucket, prefix string) []string {
	t.Helper()
	refs, err := w.store.List(context.Background(), bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for _, ref := range refs {
		keys = append(keys, ref.Key)
	}
	return keys
}

// freshBucket gives a test its own bucket, so that every object in it is the test's.
func freshBucket(t testing.TB) func(*Options) {
	bucket := testenv.Bucket(t)
	return func(o *Options) { o.Bucket = bucket }
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }
