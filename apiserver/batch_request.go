package apiserver

import (
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
	"unicode"
	"unicode/utf8"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/workflows"
)

// batchRequest gathers what a batch is asked for, from the query and from JSON. A field may come from one of them only.
type batchRequest struct {
	in       workflows.BatchInput
	dataPath string
	key      string                   // of the request, "" when it has none
	askedFor string                   // the model id, before it is resolved
	places   map[string]problem.Fault // where each field came from
}

func newBatchRequest(modelName string) *batchRequest {
	return &batchRequest{in: workflows.BatchInput{Model: modelName}, places: map[string]problem.Fault{}}
}

// fields are what JSON can say besides the rows.
func (b *batchRequest) fields() map[string]any {
	return map[string]any{
		"model_id": &b.in.ModelID, "key_columns": &b.in.KeyColumns, "output": &b.in.Output, "labels_only": &b.in.LabelsOnly,
		"max_error_ratio": &b.in.MaxErrorRatio, "data_path": &b.dataPath, "format": &b.in.Format,
	}
}

// batchParameters are the query parameters of a batch. Each parses its values: there is one, but for key_columns.
var batchParameters = map[string]func(in *workflows.BatchInput, values []string) error{
	"model_id": func(in *workflows.BatchInput, values []string) error {
		in.ModelID = values[0]
		return nil
	},
	"key_columns": func(in *workflows.BatchInput, values []string) error {
		in.KeyColumns = values
		return nil
	},
	"output": func(in *workflows.BatchInput, values []string) error {
		in.Output = values[0]
		return nil
	},
	"labels_only": func(in *workflows.BatchInput, values []string) (err error) {
		in.LabelsOnly, err = strconv.ParseBool(values[0])
		return say(err, "is neither true nor false")
	},
	"max_error_ratio": func(in *workflows.BatchInput, values []string) error {
		v, err := strconv.ParseFloat(values[0], 64)
		in.MaxErrorRatio = &v
		return say(err, "is not a number")
	},
}

// query reads the query parameters.
func (b *batchRequest) query(raw string) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return problem.New(http.StatusUnprocessableEntity, "the query is malformed: "+problem.Clip(raw))
	}
	for name, given := range values {
		at := problem.Fault{Parameter: problem.Clip(name)}
		parse, known := batchParameters[name]
		switch {
		case !known:
			at.Detail = "is not a parameter of a batch: want one of " + strings.Join(
				slices.Sorted(maps.Keys(batchParameters)),
				", ",
			)
		case len(given) > 1 && name != "key_columns":
			at.Detail = "is given twice"
		case slices.Contains(given, ""):
			at.Detail = "is empty"
		default:
			if err := parse(&b.in, given); err != nil {
				at.Detail = fmt.Sprintf("%q %s", problem.Clip(given[0]), err)
			}
		}
		if at.Detail != "" {
			return problem.Invalid(at)
		}
		b.places[name] = at
	}
	return nil
}

// json reads the fields of an object. Others are skipped in a body that has rows, as in the rows themselves; strictly
// they are
// a mistake.
func (b *batchRequest) json(members []member, strictly bool) error {
	into := b.fields()
	for _, member := range members {
		target, known := into[member.Name]
		if !known && !strictly {
			continue
		}
		at := problem.Fault{Pointer: "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(problem.Clip(member.Name))}
		before, twice := b.places[member.Name]
		switch {
		case !known:
			at.Detail = "is not a field of a batch"
		case twice && before.Parameter != "":
			at.Detail = "is given as a query parameter already"
		case twice:
			at.Detail = "given twice"
		default:
			at.Detail = misfit(member.Value, json.Unmarshal(member.Value, target))
		}
		if at.Detail != "" {
			return problem.Invalid(at)
		}
		b.places[member.Name] = at
	}
	return nil
}

// body reads an object that may have rows, which are returned.
func (b *batchRequest) body(body []byte, strictly bool) (data []byte, err error) {
	parsed, err := parseBatchBody(body)
	if err != nil {
		return nil, err
	}
	if parsed.ModelID != "" {
		value, err := json.Marshal(parsed.ModelID)
		if err != nil {
			return nil, fmt.Errorf("encode a model id: %w", err)
		}
		parsed.Others = append(parsed.Others, member{Name: "model_id", Value: value})
	}
	return parsed.Data, b.json(parsed.Others, strictly)
}

// part reads the part `request` of a form: everything but the rows, which the form brings itself.
func (b *batchRequest) part(r io.Reader) error {
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
	data, err := b.body(body, true)
	if err != nil {
		return err
	}
	if data != nil {
		return problem.Invalid(problem.Fault{Pointer: "/data", Detail: "does not belong in a form: send the part `file`"})
	}
	return nil
}

// maxKeyName is in bytes, as of every column.
const maxKeyName = 256

// resolve checks the fields that need no model.
func (b *batchRequest) resolve() error {
	format, err := scores.ParseFormat(b.in.Output)
	if err != nil {
		return b.refuse("output", err)
	}
	b.in.Output = string(format)
	if _, err := rows.FormatOf(b.in.Format, ""); err != nil {
		return b.refuse("format", err)
	}
	if _, given := b.places["format"]; given && b.dataPath == "" {
		return b.refuse("format", errors.New("is that of data_path, which is not given"))
	}
	if ratio := b.in.MaxErrorRatio; ratio != nil && !(*ratio >= 0 && *ratio <= 1) {
		return b.refuse("max_error_ratio", errors.New("must be from 0 to 1"))
	}
	if len(b.in.KeyColumns) > workflows.MaxKeyColumns {
		return b.refuse(
			"key_columns",
			fmt.Errorf("%d columns, at most %d are passed through", len(b.in.KeyColumns), workflows.MaxKeyColumns),
		)
	}
	for _, name := range b.in.KeyColumns {
		if name == "" || len(name) > maxKeyName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return b.refuse("key_columns", fmt.Errorf("%q is not a name of a column", problem.Clip(name)))
		}
	}
	return nil
}

// layout is what the results of a batch with these classes consist of.
func (b *batchRequest) layout(classes []string) error {
	l := scores.Layout{
		Format:        scores.Format(b.in.Output),
		Keys:          b.in.KeyColumns,
		Classes:       classes,
		Probabilities: !b.in.LabelsOnly,
	}
	if err := l.Check(); err != nil {
		return b.refuse("key_columns", err)
	}
	return nil
}

// at is where a field came from.
func (b *batchRequest) at(field string) problem.Fault {
	if at, ok := b.places[field]; ok {
		return at
	}
	return problem.Fault{Pointer: "/" + field}
}

func (b *batchRequest) refuse(field string, err error) error {
	at := b.at(field)
	at.Detail = err.Error()
	return problem.Invalid(at)
}
