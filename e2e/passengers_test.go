package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"iris/internal/catalogue"
	"iris/workflows"
)

// A table with texts and gaps goes through everything as it is: the upload, a training by auto, predictions in JSON and
// tensors, and a batch.
func TestPassengers(t *testing.T) {
	s := start(t)
	csv, err := os.ReadFile("../examples/passengers.csv")
	if err != nil {
		t.Fatal(err)
	}
	var accepted struct {
		task
		Data *workflows.Findings `json:"data"`
	}
	s.call(http.MethodPost, "/passengers/training", "text/csv", csv).want(t, http.StatusAccepted, &accepted)
	if accepted.Data == nil || accepted.Data.LabelColumn != "survived" || accepted.Data.Rows != 900 {
		t.Errorf("answered %+v, want the class column and 900 rows", accepted.Data)
	}
	var trained workflows.TrainingResult
	if err := s.await(accepted.ID, &trained); err != nil {
		t.Fatal(err)
	}
	if trained.Metrics["accuracy"] < .7 || trained.Data == nil || trained.Data.LabelColumn != "survived" {
		t.Errorf("result %+v, want a model that has learned and what the data is like", trained)
	}
	var report catalogue.Report
	s.call(http.MethodGet, "/datasets/"+trained.DatasetSHA256+"/report", "", nil).want(t, http.StatusOK, &report)
	kinds := map[string]string{}
	for _, c := range report.Columns {
		kinds[c.Name] = fmt.Sprintf("%s %d", c.Kind, min(c.Missing, 1))
	}
	if got := fmt.Sprint(kinds); got !=
		"map[age:numeric 1 cabin:categorical 0 fare:numeric 0 port:categorical 1 relatives:numeric 0 sex:categorical 0]" {
		t.Errorf("kinds and gaps %s", got)
	}
	if err := s.Cache.Refresh(t.Context(), "passengers"); err != nil {
		t.Fatal(err)
	}
	const passenger = `{"cabin":"first","sex":"female","age":null,"relatives":0,"fare":80.5,"port":"Atlantis"}`
	answer := s.call(http.MethodPost, "/passengers/predict", "application/json", []byte(passenger))
	var predicted struct {
		Label         string             `json:"label"`
		Probabilities map[string]float64 `json:"probabilities"`
	}
	answer.want(t, http.StatusOK, &predicted)
	if predicted.Label != "yes" || answer.header.Get("Iris-Unseen") != "1" || answer.header.Get("Iris-Missing") != "1" {
		t.Errorf("%s with %v, want yes, a text that was not seen and a gap", answer.body, answer.header)
	}

	tensors := map[string]any{"inputs": []any{
		tensor("cabin", "BYTES", "first"), tensor("sex", "BYTES", "female"), tensor("age", "FP64", nil),
		tensor("relatives", "INT64", 0), tensor("fare", "FP64", 80.5), tensor("port", "BYTES", "Atlantis"),
	}}
	body, err := json.Marshal(tensors)
	if err != nil {
		t.Fatal(err)
	}
	var outputs struct {
		Outputs []struct {
			Name string
			Data []any
		}
	}
	s.call(http.MethodPost, "/v2/models/passengers/infer", "application/json", body).want(t, http.StatusOK, &outputs)
	if len(outputs.Outputs) < 2 || outputs.Outputs[0].Data[0] != "yes" {
		t.Errorf("tensors are answered with %+v, want yes", outputs)
	}

	rows := strings.SplitN(string(csv), "\n", 12)
	var batch task
	s.call(http.MethodPost, "/passengers/predict/batch?output=csv", "text/csv",
		[]byte(strings.Join(rows[:11], "\n")+"\nfirst,female,,0,80.5,Atlantis,\n")).want(t, http.StatusAccepted, &batch)
	if err := s.await(batch.ID, nil); err != nil {
		t.Fatal(err)
	}
	scored := s.call(http.MethodGet, "/passengers/predict/batch/"+batch.ID+"/output", "", nil)
	lines := strings.Split(strings.TrimSpace(string(scored.body)), "\n")
	if scored.status != http.StatusOK || len(lines) != 12 || !strings.Contains(lines[11], "yes") {
		t.Errorf("status %d, %s, want 11 rows of which the last is yes", scored.status, scored.body)
	}
}

// tensor is a V2 tensor with one row.
func tensor(name, datatype string, value any) map[string]any {
	return map[string]any{"name": name, "datatype": datatype, "shape": []int{1, 1}, "data": []any{value}}
}

// Tables of a few rows train: with fewer folds, and without rows that cannot be used.
func TestTables_train(t *testing.T) {
	s := start(t)
	for name, test := range map[string]struct{ rows, dropped int }{
		"eight-rows": {8, 0}, "rare-class": {7, 1}, "missing-label": {7, 1}, "binary-words": {8, 0},
	} {
		csv, err := os.ReadFile("../internal/dataset/testdata/tables/" + name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		var accepted task
		s.call(http.MethodPost, "/table-"+name+"/training", "text/csv", csv).want(t, http.StatusAccepted, &accepted)
		var trained workflows.TrainingResult
		if err := s.await(accepted.ID, &trained); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := trained.Data; d == nil || d.Rows != test.rows || d.DroppedRows != test.dropped || trained.TestRows == 0 {
			t.Errorf("%s: %+v of %+v, want %d rows, and %d dropped", name, trained, d, test.rows, test.dropped)
		}
	}
}
