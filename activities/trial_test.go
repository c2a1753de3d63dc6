package activities_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/search"
	"iris/model"
)

// search starts a training that tries specs before it fits one.
func (l *lab) search() (activities.Dataset, activities.Run) {
	l.t.Helper()
	data := must(
		l,
		l.ValidateDataset,
		activities.ValidateDatasetInput{Model: l.model, URI: l.put("given/iris.csv", irisAs("x")).URI()},
	)
	run := must(l, l.StartRun, activities.StartRunInput{
		Model: l.model, Dataset: data, TestSize: 0.25, Search: map[string]string{"search.method": "random"},
	})
	return data, run
}

// childRun returns the run of a trial.
func (l *lab) childRun(parent activities.Run, name string) mlflow.Run {
	l.t.Helper()
	run, err := l.mlflow.FindRun(l.t.Context(), parent.ExperimentID, "trial", parent.ID+"/"+name)
	if err != nil {
		l.t.Fatal(err)
	}
	return run
}

func TestRunTrial_twiceIsOneChildRun(t *testing.T) {
	l := newLab(t, "tries")
	data, parent := l.search()
	in := activities.RunTrialInput{
		Dataset: data, Spec: model.Spec{Hyperparameters: json.RawMessage(`{"l2":0.5}`), Seed: 42}, TestSize: 0.25, Share: 1,
		CV: model.CrossValidation{Folds: 3, Repeats: 2, Seed: 42}, Parent: parent, Name: "trial-1",
	}
	first := must(l, l.RunTrial, in)
	if second := must(l, l.RunTrial, in); !reflect.DeepEqual(first, second) {
		t.Errorf("tried again: %+v, want %+v", second, first)
	}
	run := l.childRun(parent, "trial-1")
	if run.ID != first.RunID || run.Status != mlflow.RunFinished || run.Tags["mlflow.parentRunId"] != parent.ID ||
		run.Name != "trial-1" {
		t.Errorf("run %+v, want the finished child of %s", run, parent.ID)
	}
	if run.Params["l2"] != "0.5" || run.Params["cv_folds"] != "3" || run.Params["repeats"] != "2" {
		t.Errorf("params %v, want those of the trial", run.Params)
	}
	accuracy := first.Scores["accuracy"]
	if first.Fits != 6 || accuracy.Mean < 0.9 || run.Metrics["cv_accuracy"] != accuracy.Mean ||
		run.Metrics["cv_log_loss_std"] != first.Scores["log_loss"].Std {
		t.Errorf("scores %+v, logged as %v", first.Scores, run.Metrics)
	}
	// About a quarter of the 150 rows is held out. A trial must not use it.
	if first.Rows < 100 || first.Rows > 125 {
		t.Errorf("tried on %d rows of 150, want only the rows for training", first.Rows)
	}
	in.Share, in.Name = 1.0/3, "trial-2"
	part := must(l, l.RunTrial, in)
	if part.Rows < first.Rows/3-2 || part.Rows > first.Rows/3+2 || part.RunID == first.RunID {
		t.Errorf("a third is %d rows of %d in run %s, want another run", part.Rows, first.Rows, part.RunID)
	}
}

func TestRunTrial_refusals(t *testing.T) {
	l := newLab(t, "tries-in-vain")
	data, parent := l.search()
	in := activities.RunTrialInput{
		Dataset: data, Spec: model.Spec{Hyperparameters: json.RawMessage(`{"l2":-1}`)}, TestSize: 0.25, Share: 1,
		CV: model.CrossValidation{Folds: 3, Repeats: 1}, Parent: parent, Name: "trial-1",
	}
	_, err := do(l, l.RunTrial, in)
	refused(t, err, activities.ErrBadInput, "/hyperparameters/l2")

	closing := activities.CloseTrialInput{Parent: parent, Name: "trial-1", Status: mlflow.RunFailed, Reason: "bad l2"}
	for range 2 {
		if _, err := l.env.ExecuteActivity(l.CloseTrial, closing); err != nil {
			t.Fatal(err)
		}
	}
	if run := l.childRun(parent, "trial-1"); run.Status != mlflow.RunFailed || run.Tags["reason"] != "bad l2" {
		t.Errorf("run %+v, want it failed with the reason", run)
	}
	closing.Name = "never-opened"
	if _, err := l.env.ExecuteActivity(l.CloseTrial, closing); err != nil {
		t.Errorf("a trial without a run: %v, want nothing to do", err)
	}
	in.Dataset.View.Key += ".gone"
	if _, err := do(l, l.RunTrial, in); err == nil {
		t.Error("a missing dataset was no error")
	}
}

func TestCombineTrials_twice(t *testing.T) {
	l := newLab(t, "combines")
	data, parent := l.search()
	var in activities.CombineTrialsInput
	for i, spec := range []model.Spec{
		{Algorithm: model.LogisticRegression, Seed: 42}, {Algorithm: model.GaussianNB, Seed: 42},
	} {
		trial := activities.RunTrialInput{
			Dataset: data, Spec: spec, TestSize: 0.25, Share: 1,
			CV:     model.CrossValidation{Folds: 3, Repeats: 1, Seed: 42},
			Parent: parent, Name: fmt.Sprint("trial-", i+1), Hold: true,
		}
		first := must(l, l.RunTrial, trial)
		second := must(l, l.RunTrial, trial)
		if first.HeldOut == nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("tried again: %+v, want %+v with predictions", second, first)
		}
		tried := search.Trial{Name: trial.Name, Algorithm: spec.Algorithm, Hyperparameters: json.RawMessage("{}")}
		tried.Succeed(first.Validated, search.LogLoss)
		in.Trials = append(in.Trials, activities.HeldTrial{Trial: tried, HeldOut: *first.HeldOut})
	}
	in.Metric, in.Base = search.LogLoss, model.Spec{Seed: 42}
	first := must(l, l.CombineTrials, in)
	if second := must(l, l.CombineTrials, in); !reflect.DeepEqual(first, second) {
		t.Errorf("combined again: %+v, want %+v", second, first)
	}
	best := search.Rank([]search.Trial{in.Trials[0].Trial, in.Trials[1].Trial}, search.LogLoss)[0].Name
	if first.Trial.Name != best || first.Reason == "" {
		t.Errorf("combined %+v, want %s as the best single one", first, best)
	}

	bad := in.Trials[1].HeldOut
	if _, err := l.store.Put(t.Context(), bad.Bucket, bad.Key, strings.NewReader("x"), 1, "text/plain"); err != nil {
		t.Fatal(err)
	}
	in.Trials[1].HeldOut.Size, in.Trials[1].HeldOut.SHA256 = 0, ""
	_, err := do(l, l.CombineTrials, in)
	refused(t, err, activities.ErrObjectLost, "trial-2")
	in.Trials[1].HeldOut.Key += ".gone"
	_, err = do(l, l.CombineTrials, in)
	refused(t, err, activities.ErrObjectLost, "trial-2")
}

func TestLogChoice_completesTheRunOfTheTraining(t *testing.T) {
	l := newLab(t, "chooses")
	_, parent := l.search()
	before, err := l.mlflow.GetRun(t.Context(), parent.ID)
	if err != nil || before.Params["search.method"] != "random" || before.Params["test_size"] != "0.25" ||
		before.Params["algorithm"] != "" {
		t.Fatalf("params %v (%v), want the search's and no spec yet", before.Params, err)
	}
	tried := activities.TriedSpec{
		RunID:     "abc",
		Validated: model.Validated{Fits: 3, Scores: map[string]model.Score{"log_loss": {Mean: 0.25, Std: 0.5}}},
	}
	in := activities.LogChoiceInput{
		Run:    parent,
		Spec:   model.Spec{Algorithm: model.DecisionTree},
		Trial:  tried,
		Reason: "the best of 3",
	}
	for range 2 {
		if _, err := l.env.ExecuteActivity(l.LogChoice, in); err != nil {
			t.Fatal(err)
		}
	}
	run, err := l.mlflow.GetRun(t.Context(), parent.ID)
	if err != nil {
		t.Fatal(err)
	}
	if run.Params["algorithm"] != "decision_tree" || run.Metrics["cv_log_loss"] != 0.25 ||
		run.Tags["search.best_run"] != "abc" ||
		run.Tags["search.choice"] != "the best of 3" {
		t.Errorf("run %+v, want the choice in it", run)
	}
	in.Spec.Algorithm = model.LogisticRegression
	_, err = l.env.ExecuteActivity(l.LogChoice, in)
	if err == nil || !strings.Contains(err.Error(), "log the choice") {
		t.Errorf("another choice for the same run: %v, want a refusal", err)
	}
}
