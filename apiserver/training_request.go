package apiserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/internal/jsonrow"
	"iris/model"
	"iris/workflows"
)

// trainingRequest gathers the fields of a workflows.TrainingInput from the query and from JSON.
type trainingRequest struct {
	requestFields
	in  workflows.TrainingInput
	key string // that makes the request idempotent, "" for none

	fingerprint string // of a request with a key

	found *workflows.Findings // of an upload
}

func newTrainingRequest(modelName string) *trainingRequest {
	return &trainingRequest{
		requestFields: newRequestFields("a training"), in: workflows.TrainingInput{Model: modelName},
	}
}

// parameters are the parameters of the query: the scalars of the input.
func (t *trainingRequest) parameters() map[string]queryParameter {
	in := &t.in
	parameters := cellParameters(&in.CellRules)
	maps.Copy(parameters, readingParameters(&in.Reading))
	maps.Copy(parameters, decisionParameters(&in.DecisionRequest))
	maps.Copy(parameters, map[string]queryParameter{
		"algorithm":    {set: func(v []string) error { in.Algorithm = model.Algorithm(v[0]); return nil }},
		"label_column": {set: func(v []string) error { in.LabelColumn = v[0]; return nil }},
		"promote":      {set: func(v []string) error { in.Promote = workflows.PromotePolicy(v[0]); return nil }},
		"data_path":    {field: "dataset", set: func(v []string) error { in.DatasetURI = v[0]; return nil }},
		"cv_folds":     {set: func(v []string) (err error) { in.CVFolds, err = parseInt(v[0]); return err }},
		"repeats":      {set: func(v []string) (err error) { in.Repeats, err = parseInt(v[0]); return err }},
		"max_trials":   {set: func(v []string) (err error) { in.MaxTrials, err = parseInt(v[0]); return err }},
		"max_runtime_seconds": {set: func(v []string) (err error) {
			in.MaxRuntimeSeconds, err = parseInt(v[0])
			return err
		}},
		"test_size": {set: func(v []string) (err error) { in.TestSize, err = parseNumber(v[0]); return err }},
		"seed": {set: func(v []string) error {
			seed, err := strconv.ParseUint(v[0], 10, 64)
			in.Seed = &seed
			return explain(err, "is not a whole number from 0 to 18446744073709551615")
		}},
		"allow_schema_change": {set: func(v []string) (err error) {
			in.AllowSchemaChange, err = strconv.ParseBool(v[0])
			return explain(err, "is neither true nor false")
		}},
		"features": {set: func(v []string) (err error) {
			in.Features, err = parseRecord(v[0])
			return explain(err, "is not a list of columns as in the header of a CSV")
		}},
		"class_weight": {set: func(v []string) error {
			if !strings.EqualFold(v[0], "balanced") {
				return errors.New("is not balanced; send weights as JSON")
			}
			in.ClassWeight = &model.ClassWeight{Balanced: true}
			return nil
		}},
	})
	return parameters
}

func parseInt(value string) (*int, error) {
	v, err := strconv.Atoi(value)
	return &v, explain(err, "is not a whole number")
}

func parseNumber(value string) (*float64, error) {
	v, err := strconv.ParseFloat(value, 64)
	return &v, explain(err, "is not a number")
}

// identify sets the fingerprint of a request with a key: the fields as sent, and the digest of a CSV in the body.
func (t *trainingRequest) identify(digest string) (err error) {
	if t.key != "" {
		t.fingerprint, err = idempotency.Fingerprint(t.in, digest)
	}
	return err
}

// readPart reads the part `request` of a form: the input without the dataset, because the form has the part `file`.
func (t *trainingRequest) readPart(r io.Reader) error {
	body, err := readRequestPart(r)
	if err != nil {
		return err
	}
	if err := t.readJSON(body); err != nil {
		return err
	}
	if at, given := t.places["dataset"]; given && at.Pointer != "" {
		return t.refuse("dataset",
			errors.New("does not belong in a form: send the part `file`, or the query parameter data_path"))
	}
	return nil
}

// readJSON reads a JSON object of fields.
func (t *trainingRequest) readJSON(body []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil { // nil is null
		return notAnObject(body, err)
	}
	targets := map[string]any{
		"model":               &t.in.Model,
		"dataset":             &t.in.DatasetURI,
		"algorithm":           &t.in.Algorithm,
		"hyperparameters":     &t.in.Hyperparameters,
		"test_size":           &t.in.TestSize,
		"seed":                &t.in.Seed,
		"label_column":        &t.in.LabelColumn,
		"allow_schema_change": &t.in.AllowSchemaChange,
		"delimiter":           &t.in.Delimiter,
		"decimal":             &t.in.Decimal,
		"encoding":            &t.in.Encoding,
		"header":              &t.in.Header,
		"features":            &t.in.Features,
		"class_weight":        &t.in.ClassWeight,
		"promote":             &t.in.Promote,
		"gate":                &t.in.Gate,
		"tags":                &t.in.Tags,
		"search":              &t.in.Search,
		"cv_folds":            &t.in.CVFolds,
		"repeats":             &t.in.Repeats,
		"max_trials":          &t.in.MaxTrials,
		"max_runtime_seconds": &t.in.MaxRuntimeSeconds,
	}
	maps.Copy(targets, cellTargets(&t.in.CellRules))
	maps.Copy(targets, decisionTargets(&t.in.DecisionRequest))
	modelOfPath := t.in.Model
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field := name
		if name == "dataset_uri" {
			field = "dataset"
		}
		target, known := targets[field]
		if !known {
			return t.unknownMember(name)
		}
		value := members[name]
		switch field {
		case "class_weight":
			value = foldJSON(value, []string{"balanced"})
		case "positive_class":
			value = quoteScalar(value)
		}
		if err := t.setJSON(name, field, value, target); err != nil {
			return err
		}
	}
	if t.in.Model != modelOfPath {
		return t.refuse("model",
			fmt.Errorf("%q is not the model of the path, %s", problem.Clip(t.in.Model), modelOfPath))
	}
	return nil
}

// notAnObject says where a body is not JSON, or that it is JSON of the wrong kind.
func notAnObject(body []byte, err error) error {
	var syntax *json.SyntaxError
	if len(body) == 0 {
		return problem.New(http.StatusBadRequest, "the body is empty, want a JSON object")
	}
	if errors.As(err, &syntax) {
		return &jsonrow.SyntaxError{Offset: max(0, int(syntax.Offset)-1), Reason: syntax.Error()}
	}
	return problem.New(http.StatusUnprocessableEntity, "want a JSON object")
}

// resolve checks the fields and fills in the defaults.
func (t *trainingRequest) resolve() (workflows.TrainingInput, error) {
	in, _, err := foldTraining(t.in).Resolve()
	if err == nil {
		err = in.CheckLimits()
	}
	return in, t.locate(err)
}
