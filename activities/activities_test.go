package activities_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"iris/activities"
	"iris/internal/champions"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/testenv"
	"iris/model"
)

// TestMain makes this program the child of its own fits, and a worker that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		other := map[string]func() error{
			"fit":    func() error { return activities.ServeFit(os.Stdin, os.Stdout) },
			"mortal": func() error { return mortalWorker(os.Args[2], os.Args[3]) },
		}[os.Args[1]]
		if other != nil {
			if err := other(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	testenv.Main(m)
}

// lab has the activities with a real MinIO and MLflow.
type lab struct {
	*activities.Activities
	t        *testing.T
	env      *testsuite.TestActivityEnvironment
	store    *objstore.Store
	mlflow   *mlflow.Client
	registry *registry.Registry
	bucket   string
	model    string // unique per test: tests share MLflow
}

func newLab(t *testing.T, modelName string) *lab {
	return newLabWith(t, modelName, activities.Options{})
}

// newLabWith returns a lab whose activities have the settings of o, and the clients of o if it has them.
func newLabWith(t *testing.T, modelName string, o activities.Options) *lab {
	t.Helper()
	l := &lab{t: t, store: testenv.S3(t), mlflow: testenv.MLflow(t), bucket: testenv.Bucket(t), model: modelName}
	o.MLflow, o.Store = cmp.Or(o.MLflow, l.mlflow), cmp.Or(o.Store, l.store)
	var err error
	if l.registry, err = registry.New(registry.Options{MLflow: o.MLflow, Store: o.Store, Bucket: l.bucket}); err != nil {
		t.Fatal(err)
	}
	versions, err := champions.New(champions.Options{Registry: l.registry})
	if err != nil {
		t.Fatal(err)
	}
	o.Registry, o.Versions, o.Bucket, o.GitCommit = l.registry, versions, l.bucket, "abc123"
	if o.Fits != nil {
		o.Fits.Bucket = l.bucket
	}
	l.Activities, err = activities.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	l.env = suite.NewTestActivityEnvironment()
	l.env.RegisterActivity(l.Activities)
	return l
}

// do runs an activity as a worker would and decodes its result.
func do[Out any, In any](l *lab, activity func(context.Context, In) (Out, error), in In) (Out, error) {
	l.t.Helper()
	var out Out
	value, err := l.env.ExecuteActivity(activity, in)
	if err != nil {
		return out, err
	}
	if err := value.Get(&out); err != nil {
		l.t.Fatal(err)
	}
	return out, nil
}

// must is do for an activity that must succeed. It runs the activity twice, as Temporal may, and returns the second
// result.
func must[Out any, In any](l *lab, activity func(context.Context, In) (Out, error), in In) Out {
	l.t.Helper()
	var out Out
	for range 2 {
		var err error
		if out, err = do(l, activity, in); err != nil {
			l.t.Fatal(err)
		}
	}
	return out
}

// refused checks that err is not retried, has the type and contains the words.
func refused(t *testing.T, err error, errorType string, words ...string) {
	t.Helper()
	var application *temporal.ApplicationError
	if !errors.As(err, &application) {
		t.Fatalf("got %v, want an application error", err)
	}
	if application.Type() != errorType || !application.NonRetryable() {
		t.Errorf("got %s (final: %v): %v, want a final %s", application.Type(), application.NonRetryable(), err, errorType)
	}
	for _, word := range words {
		if !strings.Contains(application.Message(), word) {
			t.Errorf("message %q, want it to say %q", application.Message(), word)
		}
	}
}

func (l *lab) put(key string, data []byte) objstore.Ref {
	l.t.Helper()
	ref, err := l.store.Put(l.t.Context(), l.bucket, key, bytes.NewReader(data), int64(len(data)), "text/csv")
	if err != nil {
		l.t.Fatal(err)
	}
	return ref
}

// keys lists the keys under a prefix.
func (l *lab) keys(prefix string) []string {
	l.t.Helper()
	refs, err := l.store.List(l.t.Context(), l.bucket, prefix)
	if err != nil {
		l.t.Fatal(err)
	}
	keys := make([]string, len(refs))
	for i, ref := range refs {
		keys[i] = ref.Key
	}
	return keys
}

// trained runs a training up to the fitted model. It runs every activity twice.
func (l *lab) trained(
	uri string,
	algorithm model.Algorithm,
) (activities.Dataset, model.Spec, activities.Run, activities.TrainedModel) {
	l.t.Helper()
	spec, err := model.Spec{Algorithm: algorithm, Seed: 42}.Resolve()
	if err != nil {
		l.t.Fatal(err)
	}
	data := must(l, l.ValidateDataset, activities.ValidateDatasetInput{Model: l.model, URI: uri})
	run := must(l, l.StartRun, activities.StartRunInput{Model: l.model, Dataset: data, Spec: spec, TestSize: 0.25})
	fitted := must(l, l.TrainModel, activities.TrainModelInput{Dataset: data, Spec: spec, TestSize: 0.25, Run: run})
	return data, spec, run, fitted
}

// version runs a training up to the registered version.
func (l *lab) version(
	uri string,
	algorithm model.Algorithm,
) (activities.Dataset, activities.TrainedModel, activities.RegisteredVersion) {
	l.t.Helper()
	data, spec, run, fitted := l.trained(uri, algorithm)
	evaluation := must(l, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: fitted, Run: run})
	return data, fitted, must(l, l.RegisterModel, activities.RegisterModelInput{
		ModelName: l.model,
		Dataset:   data,
		Spec:      spec,
		Model:     fitted,
		Run:       run,
		Metrics:   evaluation.Metrics,
		Report:    evaluation.Report,
	})
}

func TestNew_saysWhatIsMissing(t *testing.T) {
	l := newLab(t, "unused")
	whole := activities.Options{
		MLflow:   l.mlflow,
		Store:    l.store,
		Registry: l.registry,
		Versions: &champions.Cache{},
		Bucket:   "b",
	}
	for field, without := range map[string]func(*activities.Options){
		"MLflow":   func(o *activities.Options) { o.MLflow = nil },
		"Store":    func(o *activities.Options) { o.Store = nil },
		"Registry": func(o *activities.Options) { o.Registry = nil },
		"Versions": func(o *activities.Options) { o.Versions = nil },
		"Bucket":   func(o *activities.Options) { o.Bucket = "" },
	} {
		o := whole
		without(&o)
		if _, err := activities.New(o); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("New without %s: %v, want an error naming it", field, err)
		}
	}
}
