package mlflow_test

import (
	"maps"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/internal/mlflow"
)

func TestCreateRun_isWhatGetRunReturns(t *testing.T) {
	w := newWorld(t)
	tags := map[string]string{"mlflow.source.type": "JOB", "odd key": "ü 'quoted' \"too\"\nand a line", "empty": ""}
	made := must(w.CreateRun(t.Context(), mlflow.NewRun{
		ExperimentID: w.experiment, Name: "train-1", Start: time.UnixMilli(1700000000123), Tags: tags,
	}))(t)
	if made.ID == "" || made.ExperimentID != w.experiment || made.Status != mlflow.RunRunning || made.Name != "train-1" {
		t.Errorf("CreateRun = %+v, want a running run of experiment %s", made, w.experiment)
	}
	if want := "mlflow-artifacts:/" + w.experiment + "/" + made.ID + "/artifacts"; made.ArtifactURI != want {
		t.Errorf("artifact URI %s, want %s", made.ArtifactURI, want)
	}
	got := must(w.GetRun(t.Context(), made.ID))(t)
	if got.ID != made.ID || got.Name != made.Name || got.ArtifactURI != made.ArtifactURI {
		t.Errorf("GetRun = %+v, want %+v", got, made)
	}
	for key, value := range tags {
		if got.Tags[key] != value {
			t.Errorf("tag %q is %q, want %q", key, got.Tags[key], value)
		}
	}
	var raw struct {
		Run struct {
			Info struct {
				Start int64 `json:"start_time"`
			} `json:"info"`
		} `json:"run"`
	}
	w.raw(t, http.MethodGet, "/api/2.0/mlflow/runs/get?run_id="+made.ID, "", &raw)
	if raw.Run.Info.Start != 1700000000123 {
		t.Errorf("started at %d ms, want 1700000000123", raw.Run.Info.Start)
	}
}

func TestGetRun_missing(t *testing.T) {
	_, err := newWorld(t).GetRun(t.Context(), "none")
	const want = "get run none: MLflow answers 404 RESOURCE_DOES_NOT_EXIST: Run with id=none not found"
	wantError(t, err, mlflow.ErrNotExist, want)
}

func TestFindRun(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	values := []string{"train-1", "it's", `say "hi"`, `back\slash`, "two\nlines", "100%", "ü", ""}
	ids := map[string]string{}
	for i, value := range values {
		for later := range 2 { // FindRun returns the oldest
			run := must(w.CreateRun(t.Context(), mlflow.NewRun{
				ExperimentID: w.experiment,
				Start:        time.UnixMilli(int64(1000 + 10*i + later)),
				Tags:         map[string]string{"workflow.id": value},
			}))(t)
			if later == 0 {
				ids[value] = run.ID
			}
		}
	}
	for _, value := range values {
		run, err := w.FindRun(t.Context(), w.experiment, "workflow.id", value)
		if err != nil || run.ID != ids[value] || run.Tags["workflow.id"] != value {
			t.Errorf("FindRun(%q) = %+v, %v; want run %s", value, run, err, ids[value])
		}
	}
	for _, test := range []struct{ name, experiment, tag, value string }{
		{"other value", w.experiment, "workflow.id", "train-2"},
		{"part of a value", w.experiment, "workflow.id", "train"},
		{"upper case", w.experiment, "workflow.id", "TRAIN-1"},
		{"other tag", w.experiment, "workflow.run", "train-1"},
		{"other experiment", other.experiment, "workflow.id", "train-1"},
		{"a value that no filter can contain", w.experiment, "workflow.id", `'"`},
		{"a value that no filter can end with", w.experiment, "workflow.id", `\`},
		{"a key that no filter can contain", w.experiment, "a`b", "x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.FindRun(t.Context(), test.experiment, test.tag, test.value)
			wantError(t, err, mlflow.ErrNotExist, "find run with "+test.tag+" = "+test.value+": ")
		})
	}
}

func TestUpdateRun(t *testing.T) {
	w := newWorld(t)
	end := time.UnixMilli(1800000000123)
	for _, status := range []mlflow.RunStatus{mlflow.RunFinished, mlflow.RunFailed, mlflow.RunKilled, mlflow.RunRunning} {
		run := w.run(t)
		for range 2 { // the second call changes nothing
			if err := w.UpdateRun(t.Context(), run.ID, status, end); err != nil {
				t.Fatal(err)
			}
		}
		if got := must(w.GetRun(t.Context(), run.ID))(t); got.Status != status {
			t.Errorf("status %s, want %s", got.Status, status)
		}
		var raw struct {
			Run struct {
				Info struct {
					End int64 `json:"end_time"`
				} `json:"info"`
			} `json:"run"`
		}
		w.raw(t, http.MethodGet, "/api/2.0/mlflow/runs/get?run_id="+run.ID, "", &raw)
		if raw.Run.Info.End != end.UnixMilli() {
			t.Errorf("ended at %d ms, want %d", raw.Run.Info.End, end.UnixMilli())
		}
	}
	wantError(t, w.UpdateRun(t.Context(), "none", mlflow.RunFailed, end), mlflow.ErrNotExist, "update run none")
}

func TestUpdateRun_withoutAnEnd(t *testing.T) {
	s := newScript(t, nil)
	if err := s.client.UpdateRun(t.Context(), "r", mlflow.RunRunning, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got, want := s.received("POST runs/update")[0].body, `{"run_id":"r","status":"RUNNING"}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestLogBatch(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	batch := mlflow.Batch{
		Metrics: []mlflow.Metric{
			{Key: "loss", Value: 1.5, Time: time.UnixMilli(1), Step: 0},
			{Key: "loss", Value: 0.5, Time: time.UnixMilli(2), Step: 1},
			{Key: "recall/Iris setosa", Value: 1e-300, Step: 3},
			{Key: "nan", Value: math.NaN()},
			{Key: "up", Value: math.Inf(1)},
			{Key: "down", Value: math.Inf(-1)},
		},
		Params: map[string]string{"l2": "0.1", "empty": ""},
		Tags:   map[string]string{"gate": "promoted", "long": strings.Repeat("ü", 9000)},
	}
	for range 2 { // the second call changes nothing
		if err := w.LogBatch(t.Context(), run.ID, batch); err != nil {
			t.Fatal(err)
		}
	}
	got := must(w.GetRun(t.Context(), run.ID))(t)
	want := map[string]float64{"loss": 0.5, "recall/Iris setosa": 1e-300, "up": math.MaxFloat64, "down": -math.MaxFloat64}
	if nan, found := got.Metrics["nan"]; !found || !math.IsNaN(nan) {
		t.Errorf("metric nan is %v (found: %t), want NaN", nan, found)
	}
	delete(got.Metrics, "nan")
	if !maps.Equal(got.Metrics, want) {
		t.Errorf("metrics %v, want %v", got.Metrics, want)
	}
	if !maps.Equal(got.Params, batch.Params) {
		t.Errorf("params %v, want %v", got.Params, batch.Params)
	}
	if got.Tags["gate"] != "promoted" || got.Tags["long"] != strings.Repeat("ü", 8000) {
		t.Errorf("tags %.100q, want gate and the first 8,000 characters of long", got.Tags)
	}
	if points := w.history(t, run.ID, "loss"); points != 2 {
		t.Errorf("the curve of loss has %d points, want 2", points)
	}
}

func (w world) history(t *testing.T, runID, metric string) int {
	t.Helper()
	var answer struct {
		Metrics []struct{} `json:"metrics"`
	}
	w.raw(
		t,
		http.MethodGet,
		"/api/2.0/mlflow/metrics/get-history?max_results=10000&run_id="+runID+"&metric_key="+metric,
		"",
		&answer,
	)
	return len(answer.Metrics)
}

func TestLogBatch_refused(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	if err := w.LogBatch(t.Context(), run.ID, mlflow.Batch{Params: map[string]string{"l2": "0.1"}}); err != nil {
		t.Fatal(err)
	}
	err := w.LogBatch(t.Context(), run.ID, mlflow.Batch{Params: map[string]string{"l2": "0.2"}})
	wantRefusal(t, err, http.StatusBadRequest, "log to run "+run.ID+": MLflow answers 400 INVALID_PARAMETER_VALUE")
	err = w.LogBatch(t.Context(), run.ID, mlflow.Batch{Metrics: []mlflow.Metric{{Key: "f1(setosa)"}}})
	wantRefusal(t, err, http.StatusBadRequest, "Names may only contain")
	err = w.LogBatch(t.Context(), "none", mlflow.Batch{Tags: map[string]string{"a": "b"}})
	wantError(t, err, mlflow.ErrNotExist, "log to run none")
}

func TestLogDataset(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	data := mlflow.Dataset{
		Name: "iris", Digest: strings.Repeat("a", 32), SourceURI: "s3://iris/datasets/ü.csv", Rows: 150, Context: "training",
		Columns: []mlflow.Column{{Name: "petal_width", Type: "double"}, {Name: "species", Type: "string"}},
		Profile: map[string]any{"classes": []string{"ü"}, "num_rows": -1},
	}
	for range 2 { // the second call changes nothing
		if err := w.LogDataset(t.Context(), run.ID, data); err != nil {
			t.Fatal(err)
		}
	}
	var raw struct {
		Run struct {
			Inputs struct {
				Datasets []struct {
					Tags []struct {
						Key, Value string
					} `json:"tags"`
					Dataset map[string]string `json:"dataset"`
				} `json:"dataset_inputs"`
			} `json:"inputs"`
		} `json:"run"`
	}
	w.raw(t, http.MethodGet, "/api/2.0/mlflow/runs/get?run_id="+run.ID, "", &raw)
	inputs := raw.Run.Inputs.Datasets
	if len(inputs) != 1 || len(inputs[0].Tags) != 1 || inputs[0].Tags[0].Value != "training" {
		t.Fatalf("inputs %+v, want one in the context training", inputs)
	}
	want := map[string]string{
		"name":        "iris",
		"digest":      data.Digest,
		"source_type": "s3",
		"source":      `{"uri":"s3://iris/datasets/ü.csv"}`,
		"schema": `{"mlflow_colspec":[{"type":"double","name":"petal_width","required":true},` +
			`{"type":"string","name":"species","required":true}]}`,
		"profile": `{"classes":["ü"],"num_elements":300,"num_rows":150}`,
	}
	if !maps.Equal(inputs[0].Dataset, want) {
		t.Errorf("dataset %v, want %v", inputs[0].Dataset, want)
	}
	data.Digest = strings.Repeat("a", 64)
	wantRefusal(t, w.LogDataset(t.Context(), run.ID, data), http.StatusBadRequest, "log dataset of run "+run.ID)
}

func TestLogModelOutput(t *testing.T) {
	w := newWorld(t)
	run := w.run(t)
	var ids []string
	for range 2 {
		logged := w.loggedModel(t, "model", run)
		ids = append(ids, logged.ID)
		for range 2 { // the second call changes nothing
			if err := w.LogModelOutput(t.Context(), run.ID, logged.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	var raw struct {
		Run struct {
			Outputs struct {
				Models []struct {
					ID string `json:"model_id"`
				} `json:"model_outputs"`
			} `json:"outputs"`
		} `json:"run"`
	}
	w.raw(t, http.MethodGet, "/api/2.0/mlflow/runs/get?run_id="+run.ID, "", &raw)
	if got := raw.Run.Outputs.Models; len(got) != 2 || !strings.Contains(got[0].ID+got[1].ID, ids[0]) {
		t.Errorf("outputs %v, want %v", got, ids)
	}
	if err := w.LogModelOutput(t.Context(), "none", ids[0]); err == nil {
		t.Error("a missing run: got no error")
	}
}

func TestLogModelOutput_otherRefusals(t *testing.T) {
	refusal := reply{http.StatusBadRequest, `{"error_code":"BAD_REQUEST","message":"UNIQUE constraint failed"}`}
	for name, run := range map[string]reply{
		"the run has other outputs": {
			http.StatusOK, `{"run":{"outputs":{"model_outputs":[{"model_id":"m-2","step":0}]}}}`,
		},
		"the run cannot be read": {http.StatusNotFound, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, map[string][]reply{"POST runs/outputs": {refusal}, "GET runs/get": {run}})
			err := s.client.LogModelOutput(t.Context(), "r", "m-1")
			wantRefusal(t, err, http.StatusBadRequest, "UNIQUE constraint failed")
		})
	}
}
