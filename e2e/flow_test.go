package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"iris/internal/dataset/datasettest"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/model"
	"iris/workflows"
)

const flower = `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`

// form returns a multipart body with a JSON part `request`, unless request is empty, and a CSV part `file`.
func form(t *testing.T, request string, file []byte) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if request != "" {
		if err := w.WriteField("request", request); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "data.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

// A new user trains, watches the task, predicts, scores a batch with the same version, and reads the result.
func TestFlow_trainWatchPredictBatch(t *testing.T) {
	s := start(t)
	contentType, body := form(t, `{"algorithm":"logistic_regression","hyperparameters":{"l2":0.5}}`, datasettest.Wine())
	answer := s.call(http.MethodPost, "/wine/training?seed=7", contentType, body)
	var training task
	answer.want(t, http.StatusAccepted, &training)
	if location := answer.header.Get("Location"); location != "/wine/training/"+training.ID {
		t.Errorf("Location %q, want the task", location)
	}
	if err := s.await(training.ID, nil); err != nil {
		t.Fatal(err)
	}

	var watched struct {
		State  workflows.State          `json:"state"`
		Model  string                   `json:"model"`
		Result workflows.TrainingResult `json:"result"`
		Links  map[string]string        `json:"links"`
	}
	s.call(http.MethodGet, "/tasks/"+training.ID, "", nil).want(t, http.StatusOK, &watched)
	if watched.State != workflows.Success || watched.Model != "wine" || watched.Result.ModelID != "models:/wine/1" ||
		watched.Result.Metrics["accuracy"] < 0.9 {
		t.Errorf("task %+v, want the success of models:/wine/1", watched)
	}
	if !strings.Contains(watched.Links["temporal"], training.ID) ||
		!strings.Contains(watched.Links["mlflow"], watched.Result.RunID) {
		t.Errorf("links %v, want the pages of Temporal and MLflow", watched.Links)
	}

	if err := s.Cache.Refresh(t.Context(), "wine"); err != nil {
		t.Fatal(err)
	}
	row := wineRow(t, 0)
	var predicted struct {
		Label         string             `json:"label"`
		Specie        *string            `json:"specie"`
		Probabilities map[string]float64 `json:"probabilities"`
		ModelVersion  string             `json:"model_version"`
	}
	s.call(http.MethodPost, "/wine/predict", "application/json", row).want(t, http.StatusOK, &predicted)
	if predicted.Label != "0" || predicted.ModelVersion != "1" || predicted.Specie != nil ||
		len(predicted.Probabilities) != 3 {
		t.Errorf("prediction %+v, want class 0 by version 1, and no specie, which only iris has", predicted)
	}

	var batch task
	s.call(
		http.MethodPost,
		"/wine/predict/batch",
		"application/json",
		fmt.Appendf(
			nil,
			`{"model_id":"runs:/%s/model","data":[%s,%s,%s]}`,
			watched.Result.RunID,
			row,
			wineRow(t, 177),
			row,
		),
	).want(t, http.StatusAccepted, &batch)
	if err := s.await(batch.ID, nil); err != nil {
		t.Fatal(err)
	}
	var scored []struct {
		Label  string      `json:"label"`
		Logits [][]float64 `json:"logits"`
	}
	s.call(http.MethodGet, "/wine/predict/batch/"+batch.ID, "", nil).want(t, http.StatusOK, &scored)
	if len(scored) != 3 || scored[0].Label != "0" || scored[1].Label != "2" || scored[2].Label != "0" {
		t.Fatalf("scores %+v, want classes 0, 2, 0 in the order of the rows", scored)
	}
	if got, want := scored[0].Logits[0][0], predicted.Probabilities["0"]; got != want {
		t.Errorf("probability %v in the batch and %v in a prediction, want the same to the last digit", got, want)
	}
	s.call(http.MethodGet, "/iris/predict/batch/"+batch.ID, "", nil).want(t, http.StatusNotFound, nil)
}

// wineRow returns a row of the wine data as JSON.
func wineRow(t *testing.T, i int) []byte {
	t.Helper()
	lines := strings.Split(string(datasettest.Wine()), "\n")
	names, cells := strings.Split(lines[0], ","), strings.Split(lines[i+1], ",")
	row := map[string]json.Number{}
	for j, name := range names[:len(names)-1] {
		row[name] = json.Number(cells[j])
	}
	b, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bundled model answers on the routes of its predecessor.
func TestFlow_irisOnTheUnprefixedRoutes(t *testing.T) {
	s := start(t)
	var training task
	s.call(http.MethodPost, "/training", "", nil).want(t, http.StatusAccepted, &training)
	if err := s.await(training.ID, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Cache.Refresh(t.Context(), "iris"); err != nil {
		t.Fatal(err)
	}
	var predicted struct {
		Specie string      `json:"specie"`
		Logits [][]float64 `json:"logits"`
	}
	s.call(http.MethodPost, "/predict", "application/json", []byte(flower)).want(t, http.StatusOK, &predicted)
	if predicted.Specie != "setosa" || len(predicted.Logits) != 1 || len(predicted.Logits[0]) != 3 {
		t.Errorf("prediction %+v, want a setosa and one row of three probabilities", predicted)
	}
	var batch task
	s.call(http.MethodPost, "/predict/batch", "application/json", []byte(`{"data":[`+flower+`]}`)).
		want(t, http.StatusAccepted, &batch)
	if err := s.await(batch.ID, nil); err != nil {
		t.Fatal(err)
	}
	var scored []struct {
		Specie string `json:"specie"`
	}
	s.call(http.MethodGet, "/predict/batch/"+batch.ID, "", nil).want(t, http.StatusOK, &scored)
	if len(scored) != 1 || scored[0].Specie != "setosa" {
		t.Errorf("scores %+v, want one setosa", scored)
	}
}

func TestFlow_mlflowTellsTheWholeStory(t *testing.T) {
	s := start(t)
	result := s.train(
		workflows.TrainingInput{
			Model:      "story",
			Algorithm:  model.LogisticRegression,
			DatasetURI: s.put("given/story.csv", noisyRows(5, 400)),
		},
	)
	run, err := s.MLflow.GetRun(t.Context(), result.RunID)
	if err != nil {
		t.Fatal(err)
	}
	if run.Status != mlflow.RunFinished || run.Tags["gate"] != "promoted" ||
		run.Tags["dataset.sha256"] != result.Dataset ||
		run.Params["algorithm"] != "logistic_regression" {
		t.Errorf("run %+v, want it finished, with gate, dataset and parameters", run)
	}
	if run.Metrics["accuracy"] != result.Metrics["accuracy"] || run.Metrics["loss"] == 0 {
		t.Errorf("metrics %v, want those of the result and a loss", run.Metrics)
	}
	version, err := s.Registry.Champion(t.Context(), "story")
	if err != nil || version.Number != result.Version || version.RunID != result.RunID ||
		version.DatasetSHA256 != result.Dataset {
		t.Errorf("champion %+v (%v), want the version of the run", version, err)
	}
	history, _, err := s.Registry.History(t.Context(), "story", registry.Page{})
	if err != nil || len(history) != 1 || history[0].To != "1" || !strings.HasPrefix(history[0].Actor, "training-story-") {
		t.Errorf("history %+v (%v), want one entry by the training", history, err)
	}
}

// A run must not stay RUNNING when its training fails.
func TestFlow_noRunStaysRunning(t *testing.T) {
	s := start(t)
	data := s.put("given/stays.csv", noisyRows(6, 400))
	for name, test := range map[string]struct {
		in   workflows.TrainingInput
		want mlflow.RunStatus
	}{
		// Only the fit knows how many classes the data has.
		"failed": {
			workflows.TrainingInput{
				Model:           "stays-failed",
				Algorithm:       model.GaussianNB,
				Hyperparameters: json.RawMessage(`{"priors":[0.2,0.3,0.5]}`),
				DatasetURI:      data,
			},
			mlflow.RunFailed,
		},
		"good": {
			workflows.TrainingInput{Model: "stays-good", Algorithm: model.LogisticRegression, DatasetURI: data},
			mlflow.RunFinished,
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := s.startTraining(workflows.NewTrainingID(test.in.Model), test.in)
			if err := s.await(id, nil); (err == nil) != (test.want == mlflow.RunFinished) {
				t.Errorf("ended with %v, want %s", err, test.want)
			}
			experiment, err := s.MLflow.EnsureExperiment(t.Context(), test.in.Model)
			if err != nil {
				t.Fatal(err)
			}
			run, err := s.MLflow.FindRun(t.Context(), experiment, "temporal.workflow_id", id)
			if err != nil || run.Status != test.want {
				t.Errorf("run %s (%v), want %s", run.Status, err, test.want)
			}
		})
	}
}
