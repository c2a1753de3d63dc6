package activities_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/internal/testenv"
	"iris/model"
)

// proxiedLab is a lab whose activities reach MLflow and S3 through proxies.
type proxiedLab struct {
	*lab
	mlflowProxy, s3Proxy *testenv.Proxy
}

func newProxiedLab(t *testing.T) *proxiedLab {
	t.Helper()
	mlflowProxy, tracking := testenv.MLflowProxy(t)
	s3Proxy, store := testenv.S3Proxy(t)
	return &proxiedLab{
		newLabWith(t, testenv.Name(), activities.Options{MLflow: tracking, Store: store}),
		mlflowProxy,
		s3Proxy,
	}
}

// iris returns the input that validates the iris data.
func (l *lab) iris() activities.ValidateDatasetInput {
	l.t.Helper()
	return activities.ValidateDatasetInput{Model: l.model, URI: l.put("given/iris.csv", irisAs("x")).URI()}
}

// once gives the next POST to a path a fate, and passes all other requests.
func once(path string, fate testenv.Fate) func(*http.Request) testenv.Fate {
	done := false
	return func(r *http.Request) testenv.Fate {
		if done || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, path) {
			return testenv.Pass
		}
		done = true
		return fate
	}
}

// again runs an activity whose first attempt fails, because MLflow acts on a request only at the next Release.
func again[Out any, In any](l *proxiedLab, path string, activity func(context.Context, In) (Out, error), in In) Out {
	l.t.Helper()
	l.mlflowProxy.Decide(once(path, testenv.Late))
	if _, err := do(l.lab, activity, in); err == nil {
		l.t.Fatal("the first attempt succeeds, want no answer from MLflow")
	}
	out, err := do(l.lab, activity, in)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// runs returns the runs with a value of a tag.
func (l *lab) runs(experiment, tag, value string) []mlflow.Run {
	l.t.Helper()
	runs, err := l.mlflow.FindRuns(l.t.Context(), experiment, tag, value)
	if err != nil {
		l.t.Fatal(err)
	}
	return runs
}

// finish ends the training of a run.
func (l *lab) finish(run activities.Run, status mlflow.RunStatus, version string) {
	l.t.Helper()
	for range 2 {
		in := activities.FinishRunInput{Model: l.model, Run: run, Status: status, Version: version}
		if _, err := l.env.ExecuteActivity(l.FinishRun, in); err != nil {
			l.t.Fatal(err)
		}
	}
}

const execution = "default-test-run-id" // of the workflow, in Temporal's test environment

// MLflow creates the run of the first attempt after the second attempt has created another one.
func TestStartRun_lateCreate(t *testing.T) {
	l := newProxiedLab(t)
	data := must(l.lab, l.ValidateDataset, l.iris())
	in := activities.StartRunInput{Model: l.model, Dataset: data, Spec: model.Spec{Seed: 42}, TestSize: 0.25}
	run := again(l, "/runs/create", l.StartRun, in)
	l.mlflowProxy.Release()
	if runs := l.runs(run.ExperimentID, "temporal.run_id", execution); len(runs) != 2 {
		t.Fatalf("%d runs, want two after the late create", len(runs))
	}
	if retried, err := do(l.lab, l.StartRun, in); err != nil || retried.ID != run.ID {
		t.Errorf("a retry returns %+v, %v; want the run that is in use", retried, err)
	}
	l.finish(run, mlflow.RunFinished, "")
	runs := l.runs(run.ExperimentID, "temporal.run_id", execution)
	if len(runs) != 1 || runs[0].ID != run.ID || runs[0].Status != mlflow.RunFinished {
		t.Errorf("runs %+v, want only %s, finished", runs, run.ID)
	}
}

// The task ends before StartRun has answered, and MLflow has created two runs for it.
func TestFinishRun_ofTwoRunsThatNeverAnswered(t *testing.T) {
	l := newProxiedLab(t)
	data := must(l.lab, l.ValidateDataset, l.iris())
	in := activities.StartRunInput{Model: l.model, Dataset: data, Spec: model.Spec{Seed: 42}, TestSize: 0.25}
	run := again(l, "/runs/create", l.StartRun, in)
	l.mlflowProxy.Release()
	l.finish(activities.Run{}, mlflow.RunKilled, "")
	runs := l.runs(run.ExperimentID, "temporal.run_id", execution)
	if len(runs) != 1 || runs[0].Status != mlflow.RunKilled {
		t.Errorf("runs %+v, want one, killed", runs)
	}
}

func TestRunTrial_lateCreate(t *testing.T) {
	l := newProxiedLab(t)
	data, parent := l.search()
	in := activities.RunTrialInput{
		Dataset: data, Spec: model.Spec{Seed: 42}, TestSize: 0.25, Share: 1,
		CV: model.CrossValidation{Folds: 2, Repeats: 1, Seed: 42}, Parent: parent, Name: "trial-1",
	}
	tried := again(l, "/runs/create", l.RunTrial, in)
	l.mlflowProxy.Release()
	if trials := l.runs(parent.ExperimentID, "mlflow.parentRunId", parent.ID); len(trials) != 2 {
		t.Fatalf("%d trials, want two after the late create", len(trials))
	}
	l.finish(parent, mlflow.RunFinished, "")
	trials := l.runs(parent.ExperimentID, "mlflow.parentRunId", parent.ID)
	if len(trials) != 1 || trials[0].ID != tried.RunID || trials[0].Status != mlflow.RunFinished {
		t.Errorf("trials %+v, want only %s, finished", trials, tried.RunID)
	}
}

// MLflow creates the run of a trial after the trial has failed for another reason.
func TestFinishRun_killsATrialThatStartedLate(t *testing.T) {
	l := newProxiedLab(t)
	data, parent := l.search()
	l.mlflowProxy.Decide(once("/runs/create", testenv.Late))
	in := activities.RunTrialInput{
		Dataset: data, Spec: model.Spec{Seed: 42}, TestSize: 0.25, Share: 1,
		CV: model.CrossValidation{Folds: 2, Repeats: 1, Seed: 42}, Parent: parent, Name: "trial-1",
	}
	if _, err := do(l.lab, l.RunTrial, in); err == nil {
		t.Fatal("the trial succeeds, want no answer from MLflow")
	}
	l.mlflowProxy.Release()
	l.finish(parent, mlflow.RunKilled, "")
	if trial := l.childRun(parent, "trial-1"); trial.Status != mlflow.RunKilled {
		t.Errorf("trial %+v, want it killed", trial)
	}
}

func TestRegisterModel_lateCreate(t *testing.T) {
	for _, path := range []string{"/logged-models", "/model-versions/create"} {
		t.Run(path, func(t *testing.T) {
			l := newProxiedLab(t)
			data, spec, run, fitted := l.trained(l.iris().URI, model.LogisticRegression)
			evaluation := must(l.lab, l.EvaluateModel, activities.EvaluateModelInput{Dataset: data, Model: fitted, Run: run})
			v := again(l, path, l.RegisterModel, activities.RegisterModelInput{
				ModelName: l.model, Dataset: data, Spec: spec, Model: fitted, Run: run,
				Metrics: evaluation.Metrics, Report: evaluation.Report,
			})
			l.mlflowProxy.Release()
			count := func() (versions []registry.Version, logged []mlflow.LoggedModel) {
				t.Helper()
				versions, err := l.registry.Versions(t.Context(), l.model)
				if err != nil {
					t.Fatal(err)
				}
				logged, err = l.mlflow.FindLoggedModels(t.Context(), run.ExperimentID, run.ID)
				if err != nil {
					t.Fatal(err)
				}
				return versions, logged
			}
			if versions, logged := count(); len(versions)+len(logged) != 3 {
				t.Fatalf("%d versions and %d logged models, want 3 after the late create", len(versions), len(logged))
			}
			l.finish(run, mlflow.RunFinished, v.Number)
			versions, logged := count()
			if len(versions) != 1 || versions[0].Number != v.Number || len(logged) != 1 ||
				logged[0].ID != versions[0].LoggedModelID {
				t.Errorf("versions %+v, logged models %+v; want one of each, of version %s", versions, logged, v.Number)
			}
		})
	}
}
