package workflows_test

import (
	"encoding/json"
	"strings"
	"testing"

	"iris/workflows"
)

// The dataset of a training has two names in JSON. The older one is dataset.
func TestTrainingInput_datasetURI(t *testing.T) {
	const uri = "s3://iris/a.csv"
	for text, want := range map[string]string{
		`{"model":"iris","dataset_uri":"` + uri + `"}`:                         uri,
		`{"model":"iris","dataset":"` + uri + `"}`:                             uri,
		`{"model":"iris","dataset":"` + uri + `","dataset_uri":"` + uri + `"}`: uri,
		`{"model":"iris"}`:                  "",
		`{"model":"iris","dataset_uri":""}`: "",
	} {
		var in workflows.TrainingInput
		if err := json.Unmarshal([]byte(text), &in); err != nil || in.DatasetURI != want {
			t.Errorf("%s has the dataset %q (%v), want %q", text, in.DatasetURI, err, want)
		}
	}
	var in workflows.TrainingInput
	err := json.Unmarshal([]byte(`{"dataset":"s3://iris/a.csv","dataset_uri":"s3://iris/b.csv"}`), &in)
	if err == nil || !strings.Contains(err.Error(), "only one") {
		t.Errorf("two datasets: %v, want an error", err)
	}
	if err := json.Unmarshal([]byte(`{"dataset_url":"x"}`), &in); err == nil {
		t.Error("a misspelt name was accepted")
	}
	// Workers of any version read the older name.
	encoded, err := json.Marshal(workflows.TrainingInput{Model: "iris", DatasetURI: uri})
	if want := `{"model":"iris","dataset":"` + uri + `"}`; err != nil || string(encoded) != want {
		t.Errorf("encoded as %s (%v), want %s", encoded, err, want)
	}
}

// Results have the older names beside the present ones, and results that were stored with the older names can be read.
func TestResults_olderNames(t *testing.T) {
	var status workflows.Status
	stored := `{"failed":3,"batch":{"rows":5,"failed":2},"training":{"dataset":"ab12"}}`
	if err := json.Unmarshal([]byte(stored), &status); err != nil {
		t.Fatal(err)
	}
	if status.BadRows != 3 || status.Batch.BadRows != 2 || status.Training.DatasetSHA256 != "ab12" {
		t.Errorf("%s is read as %+v, %+v, %+v", stored, status, status.Batch, status.Training)
	}
	encoded, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"failed":3`, `"bad_rows":3`, `"failed":2`, `"bad_rows":2`, `"dataset":"ab12"`, `"dataset_sha256":"ab12"`,
	} {
		if !strings.Contains(string(encoded), want) {
			t.Errorf("encoded as %s, want %s in it", encoded, want)
		}
	}
	var m workflows.Manifest
	stored = `{"rows":5,"failed":2,"parts":[{"rows":5,"failed":2}]}`
	if err := json.Unmarshal([]byte(stored), &m); err != nil || m.BadRows != 2 || m.Parts[0].BadRows != 2 {
		t.Errorf("%s is read as %+v (%v)", stored, m, err)
	}
}
