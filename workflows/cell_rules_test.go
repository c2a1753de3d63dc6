package workflows_test

import (
	"encoding/json"
	"errors"
	"testing"

	"iris/model"
	"iris/workflows"
)

func TestTrainingInput_cellRules(t *testing.T) {
	for text, pointer := range map[string]string{
		`{"columns":{"zip":"categorical","id":"ignore"},"missing_values":["NA"],"allow_missing":true,"min_class_rows":3}`: "",
		`{"text":"ignore","missing_values":[]}`:                     "",
		`{"columns":{"zip":"category"}}`:                            "/columns/zip",
		`{"columns":{"a/b":"word"}}`:                                "/columns/a~1b",
		`{"columns":{"a/b":"text"},"text":"hash"}`:                  "",
		`{"columns":{"":"numeric"}}`:                                "/columns/",
		`{"columns":{"kind":"numeric"},"label_column":"kind"}`:      "/columns/kind",
		`{"columns":{"id":"ignore"},"features":["x","id"]}`:         "/features/1",
		`{"missing_values":["a","\u0000"]}`:                         "/missing_values/1",
		`{"missing_values":["0123456789012345678901234567890123"]}`: "/missing_values/0",
		`{"min_class_rows":1}`:                                      "/min_class_rows",
		`{"text":"stem"}`:                                           "/text",
	} {
		var in workflows.TrainingInput
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		in.Model = "m"
		_, _, err := in.Resolve()
		var wrong *model.SpecError
		switch errors.As(err, &wrong); {
		case pointer == "" && err != nil:
			t.Errorf("%s is refused: %v", text, err)
		case pointer != "" && (wrong == nil || wrong.Pointer != pointer):
			t.Errorf("%s: %v, want an error at %s", text, err, pointer)
		}
	}
}

// An empty list of missing values is not the default one.
func TestTrainingInput_noMissingValues(t *testing.T) {
	for text, want := range map[string]bool{`{"model":"m","missing_values":[]}`: true, `{"model":"m"}`: false} {
		var in workflows.TrainingInput
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(in)
		if err != nil || string(encoded) != text || (in.MissingValues != nil) != want {
			t.Errorf("%s is encoded as %s (%v)", text, encoded, err)
		}
	}
}
