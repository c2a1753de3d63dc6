package apiserver

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/model"
)

// maxRequestPart bounds the part `request` of a form, and the JSON body of a training.
const maxRequestPart = 64 << 10

// requestFields remembers where each field of a request came from: a parameter of the query, or JSON. A field may come
// from one of them only, so nobody has to remember which one wins.
type requestFields struct {
	task   string                   // what the request starts, with its article
	places map[string]problem.Fault // by field; without a detail
}

func newRequestFields(task string) requestFields {
	return requestFields{task: task, places: map[string]problem.Fault{}}
}

// queryParameter is a parameter of the query.
type queryParameter struct {
	field    string // that it sets; "" is the one with the same name
	repeated bool   // may be given more than once
	set      func(values []string) error
}

// readQuery sets the fields that a query names.
func (f requestFields) readQuery(raw string, parameters map[string]queryParameter) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return problem.New(http.StatusUnprocessableEntity, "the query is malformed: "+problem.Clip(raw))
	}
	for name, given := range values {
		at := problem.Fault{Parameter: problem.Clip(name)}
		p, known := parameters[name]
		switch {
		case !known:
			names := strings.Join(slices.Sorted(maps.Keys(parameters)), ", ")
			at.Detail = "is not a parameter of " + f.task + ": want one of " + names
		case len(given) > 1 && !p.repeated:
			at.Detail = "is given twice"
		case slices.Contains(given, ""):
			at.Detail = "is empty"
		default:
			if err := p.set(given); err != nil {
				at.Detail = fmt.Sprintf("%q %s", problem.Clip(given[0]), err)
			}
		}
		if at.Detail != "" {
			return problem.Invalid(at)
		}
		f.places[cmp.Or(p.field, name)] = at
	}
	return nil
}

// setJSON decodes the value of a JSON member into the field that it names.
func (f requestFields) setJSON(member, field string, value json.RawMessage, target any) error {
	if err := f.place(member, field); err != nil {
		return err
	}
	if reason := mismatch(value, json.Unmarshal(value, target)); reason != "" {
		return f.refuse(field, errors.New(reason))
	}
	return nil
}

// place records that a JSON member sets a field. It fails if the field has been set before.
func (f requestFields) place(member, field string) error {
	at := memberFault(member)
	if before, twice := f.places[field]; twice {
		switch {
		case before.Parameter != "":
			at.Detail = "is given as a query parameter already"
		case before.Pointer != at.Pointer:
			at.Detail = "is given as " + before.Pointer + " already"
		default:
			at.Detail = "given twice"
		}
		return problem.Invalid(at)
	}
	f.places[field] = at
	return nil
}

// unknownMember returns the problem of a JSON member that sets no field.
func (f requestFields) unknownMember(member string) error {
	at := memberFault(member)
	at.Detail = "is not a field of " + f.task
	return problem.Invalid(at)
}

func memberFault(member string) problem.Fault {
	return problem.Fault{Pointer: "/" + dataset.PointerToken(problem.Clip(member))}
}

// mismatch says why a value does not fit its field, "" if it does.
func mismatch(value json.RawMessage, err error) string {
	switch {
	case err == nil:
		return ""
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return problem.Clip(strings.TrimPrefix(err.Error(), "json: "))
	}
	return problem.Clip(string(value)) + " is of the wrong type or out of range"
}

// at returns where a field came from. A field that was not given is one of the JSON.
func (f requestFields) at(field string) problem.Fault {
	if at, ok := f.places[field]; ok {
		return at
	}
	return problem.Fault{Pointer: "/" + field}
}

// refuse returns the problem of a field.
func (f requestFields) refuse(field string, err error) error {
	at := f.at(field)
	at.Detail = err.Error()
	return problem.Invalid(at)
}

// locate returns err with the place that its field came from: a query parameter, or a JSON field with another name.
func (f requestFields) locate(err error) error {
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
	field, _, nested := strings.Cut(strings.TrimPrefix(place.Pointer, "/"), "/")
	at, given := f.places[field]
	if !given || at.Parameter == "" && (nested || at.Pointer == place.Pointer) {
		return err
	}
	return f.refuse(field, errors.New(place.Reason))
}

// readRequestPart reads the part `request` of a form.
func readRequestPart(r io.Reader) ([]byte, error) {
	body, more, err := httpio.ReadUpTo(r, nil, maxRequestPart)
	if more {
		err = problem.New(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("the part `request` is larger than %d bytes", maxRequestPart))
	}
	return body, err
}

// explain replaces an error by words for the client.
func explain(err error, words string) error {
	if err != nil {
		return errors.New(words)
	}
	return nil
}
