package activities_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/testenv"
	"iris/model"
)

// fits returns how often an activity has read the rows of a dataset since the last call, as each fit does.
func (l *proxiedLab) fits(d activities.Dataset) int {
	l.t.Helper()
	return testenv.CountRequests(l.s3Proxy.Drain(), http.MethodGet, d.Data.Key)
}

// down makes MLflow refuse everything after the next request to a path, which it still answers.
func (l *proxiedLab) downAfter(path string) {
	down := false
	l.mlflowProxy.RefuseIf(func(r *http.Request) bool {
		was := down
		down = down || strings.HasSuffix(r.URL.Path, path)
		return was
	})
}

// started runs the steps of a training before its fit.
func (l *proxiedLab) started() activities.TrainModelInput {
	l.t.Helper()
	spec, err := model.Spec{Algorithm: model.LogisticRegression, Seed: 42}.Resolve()
	if err != nil {
		l.t.Fatal(err)
	}
	data := must(l.lab, l.ValidateDataset, l.iris())
	run := must(l.lab, l.StartRun, activities.StartRunInput{Model: l.model, Dataset: data, Spec: spec, TestSize: 0.25})
	l.s3Proxy.Drain()
	return activities.TrainModelInput{Dataset: data, Spec: spec, TestSize: 0.25, Run: run}
}

// curve returns how many points a curve has at each step.
func (l *lab) curve(runID, key string) map[int64]int {
	l.t.Helper()
	points, err := l.mlflow.MetricHistory(l.t.Context(), runID, key)
	if err != nil {
		l.t.Fatal(err)
	}
	steps := map[int64]int{}
	for _, p := range points {
		steps[p.Step]++
	}
	return steps
}

// wantWhole wants a curve with one point at each step, from the first to the last.
func wantWhole(t *testing.T, curve map[int64]int) {
	t.Helper()
	steps := slices.Sorted(maps.Keys(curve))
	for i, step := range steps {
		if step != steps[0]+int64(i) || curve[step] != 1 {
			t.Fatalf("the curve has %d points at step %d, the step number %d; want one at each", curve[step], step, i+1)
		}
	}
	if len(steps) < 5 {
		t.Errorf("the curve has %d steps, want a whole fit", len(steps))
	}
}

func TestTrainModel_outageOfMLflowDuringTheFit(t *testing.T) {
	for name, path := range map[string]string{"from the start": "", "from the middle": "/runs/log-batch"} {
		t.Run(name, func(t *testing.T) {
			l := newProxiedLab(t)
			in := l.started()
			l.downAfter(path)
			fitted, err := do(l.lab, l.TrainModel, in)
			if err != nil {
				t.Fatalf("TrainModel without MLflow: %v, want the fitted model", err)
			}
			again, err := do(l.lab, l.TrainModel, in) // as after a worker that died before it answered
			if err != nil || again.Artifact != fitted.Artifact || again.Seconds != fitted.Seconds {
				t.Errorf("a retry returns %+v, %v; want %+v", again, err, fitted)
			}
			if n := l.fits(in.Dataset); n != 1 {
				t.Errorf("%d fits, want one", n)
			}
			l.mlflowProxy.Decide(nil)
			l.finish(in.Run, mlflow.RunFinished, "")
			wantWhole(t, l.curve(in.Run.ID, "loss"))
		})
	}
}

// MLflow goes down after the first points of a fit that takes seconds. The fit goes on, and loses none of its points.
func TestTrainModel_outageOfMLflowAfterTheFirstPoints(t *testing.T) {
	l := newProxiedLab(t)
	in := l.started()
	in.Spec = model.Spec{Algorithm: model.MLP, Seed: 42, Hyperparameters: []byte(
		`{"hidden_layers":[1000],"batch_size":10,"epochs":800,"patience":10000,"tolerance":0,"early_stopping":"off"}`,
	)}
	l.downAfter("/runs/log-batch")
	if _, err := do(l.lab, l.TrainModel, in); err != nil {
		t.Fatal(err)
	}
	before := len(l.curve(in.Run.ID, "loss"))
	if before == 0 {
		t.Error("MLflow has no points of a fit of seconds, want the first ones while it runs")
	}
	l.mlflowProxy.Decide(nil)
	l.finish(in.Run, mlflow.RunFinished, "")
	curve := l.curve(in.Run.ID, "loss")
	wantWhole(t, curve)
	if len(curve) <= before || l.fits(in.Dataset) != 1 {
		t.Errorf("the curve has %d steps, and %d before the run ended; want the rest of one fit", len(curve), before)
	}
}

// A worker died after it sent a part of the curve, and another attempt begins at another time.
func TestTrainModel_halfACurveIsThere(t *testing.T) {
	undisturbed := newProxiedLab(t)
	in := undisturbed.started()
	if _, err := do(undisturbed.lab, undisturbed.TrainModel, in); err != nil {
		t.Fatal(err)
	}
	whole, err := undisturbed.mlflow.MetricHistory(t.Context(), in.Run.ID, "loss")
	if err != nil {
		t.Fatal(err)
	}
	l := newProxiedLab(t)
	in = l.started()
	half := slices.Clone(whole[:len(whole)/2])
	for i := range half {
		half[i].Time = half[i].Time.Add(-time.Hour)
	}
	if err := l.mlflow.LogBatch(t.Context(), in.Run.ID, mlflow.Batch{Metrics: half}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := do(l.lab, l.TrainModel, in); err != nil {
			t.Fatal(err)
		}
	}
	l.finish(in.Run, mlflow.RunFinished, "")
	got := l.curve(in.Run.ID, "loss")
	wantWhole(t, got)
	if len(got) != len(whole) {
		t.Errorf("the curve has %d steps, want %d as without a retry", len(got), len(whole))
	}
}

// A stored fit belongs to its input: a run that is reset may fit another spec.
func TestTrainModel_anotherInputIsAnotherFit(t *testing.T) {
	l := newProxiedLab(t)
	in := l.started()
	first, err := do(l.lab, l.TrainModel, in)
	if err != nil {
		t.Fatal(err)
	}
	in.Spec.Hyperparameters = []byte(`{"l2":5}`)
	second, err := do(l.lab, l.TrainModel, in)
	if err != nil || second.Artifact.SHA256 == first.Artifact.SHA256 {
		t.Errorf("another spec gives %+v, %v; want another model", second.Artifact, err)
	}
	if err := l.store.Delete(t.Context(), second.Artifact.Bucket, second.Artifact.Key); err != nil {
		t.Fatal(err)
	}
	third, err := do(l.lab, l.TrainModel, in)
	if err != nil || third.Artifact != second.Artifact {
		t.Errorf("without the stored model: %+v, %v; want the same fit again", third.Artifact, err)
	}
	if n := l.fits(in.Dataset); n != 3 {
		t.Errorf("%d fits, want three", n)
	}
}

func TestRunTrial_outageOfMLflowDuringTheFits(t *testing.T) {
	l := newProxiedLab(t)
	data, parent := l.search()
	in := activities.RunTrialInput{
		Dataset: data, Spec: model.Spec{Seed: 42}, TestSize: 0.25, Share: 1,
		CV: model.CrossValidation{Folds: 3, Repeats: 2, Seed: 42}, Parent: parent, Name: "trial-1",
	}
	l.s3Proxy.Drain()
	l.mlflowProxy.RefuseIf(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/runs/log-batch") })
	if _, err := do(l.lab, l.RunTrial, in); err == nil {
		t.Fatal("the trial succeeds, although MLflow has not taken its results")
	}
	l.mlflowProxy.Decide(once("/runs/update", testenv.Cut)) // nor does a later attempt end the trial at once
	var tried activities.TriedSpec
	for range 2 {
		var err error
		if tried, err = do(l.lab, l.RunTrial, in); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.fits(data); n != 1 {
		t.Errorf("the trial was fitted %d times, want once", n)
	}
	if run := l.childRun(parent, "trial-1"); run.ID != tried.RunID || run.Status != mlflow.RunFinished {
		t.Errorf("run %+v, want %s finished", run, tried.RunID)
	}
	wantWhole(t, l.curve(tried.RunID, "log_loss"))
	if points := l.curve(tried.RunID, "fit_seconds"); points[0] != 1 {
		t.Errorf("fit_seconds has %v points by step, want one", points)
	}
}

func TestEvaluateModel_metricsOnce(t *testing.T) {
	l := newProxiedLab(t)
	in := l.started()
	fitted := must(l.lab, l.TrainModel, in)
	must(l.lab, l.EvaluateModel, activities.EvaluateModelInput{Dataset: in.Dataset, Model: fitted, Run: in.Run})
	if points := l.curve(in.Run.ID, "accuracy"); points[0] != 1 {
		t.Errorf("accuracy has %v points by step after two attempts, want one", points)
	}
}
