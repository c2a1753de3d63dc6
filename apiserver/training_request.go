package apiserver

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/jsonrow"
	"iris/model"
	"iris/workflows"
)

// trainingRequest gathers the fields of a workflows.TrainingInput from the query and from JSON. A field may come from
// one
// of them only: nobody has to remember which one wins.
type trainingRequest struct {
	in     workflows.TrainingInput
	places map[string]problem.Fault // where each field came from
}

func newTrainingRequest(modelName string) *trainingRequest {
	return &trainingRequest{in: workflows.TrainingInput{Model: modelName}, places: map[string]problem.Fault{}}
}

// trainingParameters are the query parameters of a training: the scalars of its input. Each parses its value.
var trainingParameters = map[string]struct {
	field string // of the input
	parse func(in *workflows.TrainingInput, value string) error
}{
	"algorithm": {"algorithm", func(in *workflows.TrainingInput, value string) error {
		in.Algorithm = model.Algorithm(value)
		return nil
	}},
	"test_size": {"test_size", func(in *workflows.TrainingInput, value string) error {
		v, err := strconv.ParseFloat(value, 64)
		in.TestSize = &v
		return say(err, "is not a number")
	}},
	"seed": {"seed", func(in *workflows.TrainingInput, value string) error {
		v, err := strconv.ParseUint(value, 10, 64)
		in.Seed = &v
		return say(err, "is not a whole number from 0 to 18446744073709551615")
	}},
	"label_column": {"label_column", func(in *workflows.TrainingInput, value string) error {
		in.LabelColumn = value
		return nil
	}},
	"allow_schema_change": {"allow_schema_change", func(in *workflows.TrainingInput, value string) (err error) {
		in.AllowSchemaChange, err = strconv.ParseBool(value)
		return say(err, "is neither true nor false")
	}},
	"features": {"features", func(in *workflows.TrainingInput, value string) error {
		names, err := csv.NewReader(strings.NewReader(value)).Read()
		in.Features = names
		return say(err, "is not a list of columns as in the header of a CSV")
	}},
	"class_weight": {"class_weight", func(in *workflows.TrainingInput, value string) error {
		if value != "balanced" {
			return errors.New("is not balanced; send weights as JSON")
		}
		in.ClassWeight = &model.ClassWeight{Balanced: true}
		return nil
	}},
	"promote": {"promote", func(in *workflows.TrainingInput, value string) error {
		in.Promote = workflows.PromotePolicy(value)
		return nil
	}},
	"cv_folds": {"cv_folds", func(in *workflows.TrainingInput, value string) (err error) {
		in.CVFolds, err = wholeNumber(value)
		return err
	}},
	"repeats": {"repeats", func(in *workflows.TrainingInput, value string) (err error) {
		in.Repeats, err = wholeNumber(value)
		return err
	}},
	"data_path": {"dataset", func(in *workflows.TrainingInput, value string) error {
		in.DatasetURI = value
		return nil
	}},
}

func wholeNumber(value string) (*int, error) {
	v, err := strconv.Atoi(value)
	return &v, say(err, "is not a whole number")
}

// say is err in words for the client.
func say(err error, words string) error {
	if err != nil {
		return errors.New(words)
	}
	return nil
}

// query reads the query parameters.
func (t *trainingRequest) query(raw string) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return problem.New(http.StatusUnprocessableEntity, "the query is malformed: "+problem.Clip(raw))
	}
	for name, given := range values {
		at := problem.Fault{Parameter: problem.Clip(name)}
		p, known := trainingParameters[name]
		switch {
		case !known:
			at.Detail = "is not a parameter of a training: want one of " + parameterNames()
		case len(given) > 1:
			at.Detail = "is given twice"
		case given[0] == "":
			at.Detail = "is empty"
		default:
			if err := p.parse(&t.in, given[0]); err != nil {
				at.Detail = fmt.Sprintf("%q %s", problem.Clip(given[0]), err)
			}
		}
		if at.Detail != "" {
			return problem.Invalid(at)
		}
		t.places[p.field] = at
	}
	return nil
}

// part reads the part `request` of a form: the input without the dataset, which the form brings itself.
func (t *trainingRequest) part(r io.Reader) error {
	body, more, err := httpio.ReadUpTo(r, nil, maxRequestPart)
	switch {
	case err != nil:
		return err
	case more:
		return problem.New(
			http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the part `request` is larger than %d bytes", maxRequestPart),
		)
	}
	if err := t.json(body); err != nil {
		return err
	}
	if at, given := t.places["dataset"]; given && at.Pointer != "" {
		at.Detail = "does not belong in a form: send the part `file`, or the query parameter data_path"
		return problem.Invalid(at)
	}
	return nil
}

// json reads a JSON object of fields.
func (t *trainingRequest) json(body []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return jsonProblem(body, err)
	}
	into := map[string]any{
		"model":               &t.in.Model,
		"dataset":             &t.in.DatasetURI,
		"algorithm":           &t.in.Algorithm,
		"hyperparameters":     &t.in.Hyperparameters,
		"test_size":           &t.in.TestSize,
		"seed":                &t.in.Seed,
		"label_column":        &t.in.LabelColumn,
		"allow_schema_change": &t.in.AllowSchemaChange,
		"features":            &t.in.Features,
		"class_weight":        &t.in.ClassWeight,
		"promote":             &t.in.Promote,
		"gate":                &t.in.Gate,
		"tags":                &t.in.Tags,
		"search":              &t.in.Search,
		"cv_folds":            &t.in.CVFolds,
		"repeats":             &t.in.Repeats,
	}
	ofPath := t.in.Model
	for name, value := range fields {
		at := problem.Fault{Pointer: "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(problem.Clip(name))}
		target, known := into[name]
		_, twice := t.places[name]
		switch {
		case !known:
			at.Detail = "is not a field of a training"
		case twice:
			at.Detail = "is given as a query parameter already"
		default:
			at.Detail = misfit(value, json.Unmarshal(value, target))
		}
		if at.Detail == "" && t.in.Model != ofPath {
			at.Detail = fmt.Sprintf("%q is not the model of the path, %s", problem.Clip(t.in.Model), ofPath)
		}
		if at.Detail != "" {
			return problem.Invalid(at)
		}
		t.places[name] = at
	}
	return nil
}

// misfit says why a value did not go into its field, "" when it did.
func misfit(value json.RawMessage, err error) string {
	switch {
	case err == nil:
		return ""
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return problem.Clip(strings.TrimPrefix(err.Error(), "json: "))
	}
	return fmt.Sprintf("%s is of the wrong type or out of range", problem.Clip(string(value)))
}

// jsonProblem says where a body is not JSON, or that it is JSON of the wrong kind.
func jsonProblem(body []byte, err error) error {
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
	in, _, err := t.in.Resolve()
	return in, t.locate(err)
}

// locate names the query parameter where err is about a field that came from one.
func (t *trainingRequest) locate(err error) error {
	var (
		wrong *model.SpecError
		row   *dataset.RowError
		place model.SpecError
	)
	switch {
	case errors.As(err, &wrong):
		place = *wrong
	case errors.As(err, &row):
		place = model.SpecError{Pointer: row.Pointer, Reason: row.Reason}
	}
	field, _, _ := strings.Cut(strings.TrimPrefix(place.Pointer, "/"), "/")
	if at := t.at(field); at.Parameter != "" {
		at.Detail = place.Reason
		return problem.Invalid(at)
	}
	return err
}

// at is where a field came from.
func (t *trainingRequest) at(field string) problem.Fault {
	if at, ok := t.places[field]; ok {
		return at
	}
	return problem.Fault{Pointer: "/" + field}
}

// parameterNames lists the query parameters of a training for a sentence.
func parameterNames() string {
	return strings.Join(slices.Sorted(maps.Keys(trainingParameters)), ", ")
}
