package workflows_test

import (
	"encoding/json"
	"errors"
	"testing"

	"iris/internal/tablefile"
	"iris/model"
	"iris/workflows"
)

// How a file is written is said by fields of the training itself, and a wrong one is named.
func TestTrainingInput_reading(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"iris"}`: "",
		`{"model":"iris","delimiter":"tab","decimal":",","encoding":"latin1","header":true}`: "",
		`{"model":"iris","header":"auto"}`:                                                   "",
		`{"model":"iris","delimiter":"x"}`:                                                   "/delimiter",
		`{"model":"iris","decimal":"x"}`:                                                     "/decimal",
		`{"model":"iris","encoding":"x"}`:                                                    "/encoding",
		`{"model":"iris","header":"x"}`:                                                      "/header",
	} {
		var in workflows.TrainingInput
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		_, _, err := in.Resolve()
		var wrong *model.SpecError
		if errors.As(err, &wrong) != (want != "") || wrong != nil && wrong.Pointer != want {
			t.Errorf("%s: %v, want an error at %q", body, err, want)
		}
	}
	encoded, err := json.Marshal(workflows.TrainingInput{Model: "iris", Reading: tablefile.Reading{Header: "false"}})
	if want := `{"model":"iris","header":"false"}`; err != nil || string(encoded) != want {
		t.Errorf("%s, %v, want %s", encoded, err, want)
	}
}
