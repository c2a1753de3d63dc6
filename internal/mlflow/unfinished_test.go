package mlflow_test

import (
	"slices"
	"testing"
	"time"

	"iris/internal/mlflow"
)

func TestUnfinished(t *testing.T) {
	w := newWorld(t)
	experiments := must(w.Experiments(t.Context()))(t)
	if !slices.Contains(experiments, w.experiment) {
		t.Errorf("experiments %v, want %s among them", experiments, w.experiment)
	}
	start := time.UnixMilli(time.Now().Add(-time.Hour).UnixMilli()).UTC()
	run := func(name string, status mlflow.RunStatus) string {
		t.Helper()
		run := must(w.CreateRun(t.Context(), mlflow.NewRun{ExperimentID: w.experiment, Name: name, Start: start}))(t)
		if err := w.UpdateRun(t.Context(), run.ID, status, time.Time{}); err != nil {
			t.Fatal(err)
		}
		return run.ID
	}
	running := run("running", mlflow.RunRunning)
	run("finished", mlflow.RunFinished)
	for before, want := range map[time.Time][]string{start.Add(time.Millisecond): {running}, start: nil} {
		found := must(w.RunningRuns(t.Context(), []string{w.experiment}, before))(t)
		var ids []string
		for _, r := range found {
			ids = append(ids, r.ID)
			if !r.Start.Equal(start) || !r.End.IsZero() {
				t.Errorf("run %s is from %s to %s, want from %s without an end", r.ID, r.Start, r.End, start)
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("running before %s: %v, want %v", before, ids, want)
		}
	}

	logged := func(status mlflow.LoggedModelStatus) string {
		t.Helper()
		m := must(w.CreateLoggedModel(t.Context(), mlflow.NewLoggedModel{
			ExperimentID: w.experiment, Name: "model", RunID: running,
		}))(t)
		if status != mlflow.LoggedModelPending {
			if err := w.FinishLoggedModel(t.Context(), m.ID, status); err != nil {
				t.Fatal(err)
			}
		}
		return m.ID
	}
	pending := logged(mlflow.LoggedModelPending)
	logged(mlflow.LoggedModelReady)
	logged(mlflow.LoggedModelUploadFailed)
	soon := time.Now().Add(time.Minute)
	for _, test := range []struct {
		after, before time.Time
		want          []string
	}{{start, soon, []string{pending}}, {start.Add(-time.Hour), start, nil}, {soon, soon.Add(time.Hour), nil}} {
		var ids []string
		for _, m := range must(w.PendingLoggedModels(t.Context(), []string{w.experiment}, test.after, test.before))(t) {
			ids = append(ids, m.ID)
		}
		if !slices.Equal(ids, test.want) {
			t.Errorf("pending between %s and %s: %v, want %v", test.after, test.before, ids, test.want)
		}
	}
	if runs, err := w.RunningRuns(t.Context(), nil, soon); len(runs) > 0 || err != nil {
		t.Errorf("in no experiment: %v, %v; want none", runs, err)
	}
	if models, err := w.PendingLoggedModels(t.Context(), nil, start, soon); len(models) > 0 || err != nil {
		t.Errorf("in no experiment: %v, %v; want none", models, err)
	}
}
