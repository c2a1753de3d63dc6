package mlflow_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/internal/mlflow"
)

func TestLoggedModels(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	run := w.run(t)
	params, tags := map[string]string{"l2": "0.1"}, map[string]string{"task": "it's"}
	made := must(w.CreateLoggedModel(t.Context(), mlflow.NewLoggedModel{
		ExperimentID: w.experiment, Name: "model", Type: "decision_tree", RunID: run.ID, Params: params, Tags: tags,
	}))(t)
	if !strings.HasPrefix(made.ID, "m-") || made.Status != mlflow.LoggedModelPending || made.RunID != run.ID ||
		made.ExperimentID != w.experiment {
		t.Errorf("CreateLoggedModel = %+v, want a pending model m-... of run %s", made, run.ID)
	}
	if want := "mlflow-artifacts:/" + w.experiment + "/models/" + made.ID + "/artifacts"; made.ArtifactURI != want {
		t.Errorf("artifact URI %s, want %s", made.ArtifactURI, want)
	}
	for range 2 { // the second call changes nothing
		if err := w.FinishLoggedModel(t.Context(), made.ID, mlflow.LoggedModelReady); err != nil {
			t.Fatal(err)
		}
	}
	w.loggedModel(t, "later", run)
	for name, got := range map[string]mlflow.LoggedModel{
		"GetLoggedModel":              must(w.GetLoggedModel(t.Context(), made.ID))(t),
		"FindLoggedModel, the oldest": must(w.FindLoggedModel(t.Context(), w.experiment, run.ID))(t),
	} {
		if got.ID != made.ID || !got.Created.Equal(made.Created) || time.Since(got.Created) > time.Hour ||
			got.Status != mlflow.LoggedModelReady || got.Name != "model" || got.Type != "decision_tree" ||
			got.ArtifactURI != made.ArtifactURI || !maps.Equal(got.Params, params) || got.Tags["task"] != "it's" {
			t.Errorf("%s = %+v, want %+v, ready", name, got, made)
		}
	}
	for name, find := range map[string]struct{ experiment, run string }{
		"other run":                        {w.experiment, "none"},
		"other experiment":                 {other.experiment, run.ID},
		"a run that no filter can contain": {w.experiment, `'"`},
	} {
		_, err := w.FindLoggedModel(t.Context(), find.experiment, find.run)
		t.Log(name)
		wantError(t, err, mlflow.ErrNotExist, "find logged model of run "+find.run+": ")
	}
	_, err := w.GetLoggedModel(t.Context(), "m-none")
	wantError(t, err, mlflow.ErrNotExist, "get logged model m-none")
	err = w.FinishLoggedModel(t.Context(), "m-none", mlflow.LoggedModelUploadFailed)
	wantError(t, err, mlflow.ErrNotExist, "finish logged model m-none")
	slashed := mlflow.NewLoggedModel{ExperimentID: w.experiment, Name: "a/b", RunID: run.ID}
	_, err = w.CreateLoggedModel(t.Context(), slashed)
	wantRefusal(t, err, http.StatusBadRequest, "create logged model a/b")
}
