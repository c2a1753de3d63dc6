package mlflowscoring

import (
	"bytes"
	"slices"
	"strings"

	"iris/apiserver/serving"
	"iris/internal/frame"
)

// The forms in which JSON has rows.
const (
	formSplit     = "dataframe_split"
	formRecords   = "dataframe_records"
	formInstances = "instances"
	formInputs    = "inputs"
	paramsName    = "params"
)

var (
	forms              = []string{formSplit, formRecords, formInstances, formInputs}
	languageModelForms = []string{"messages", "prompt", "input"}
)

// formOf finds the form of a JSON body, which must have exactly one, and the rows in it.
func formOf(body []byte) (form string, rows, params []byte, err error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	language, several := false, false
	err = frame.EachMember(body, func(name, value []byte) error {
		switch key := string(name); {
		case slices.Contains(languageModelForms, key):
			language = true
		case slices.Contains(forms, key):
			several = several || form != "" && form != key
			form, rows = key, value
		case key == paramsName:
			params = value
		}
		return nil
	})
	switch {
	case err != nil:
	case language:
		err = serving.FormError(frame.NoColumn, "", "this is not a language model: it takes rows of numbers")
	case form == "" || several:
		err = serving.FormError(frame.BadForm, "", "want an object with exactly one of "+strings.Join(forms, ", "))
	}
	return form, rows, params, err
}

// formSource returns the source of the rows in a form.
func formSource(p *serving.Predictor, form string, data []byte) serving.Source {
	at := "/" + form
	return func(row func([]float64) error) (err error) {
		// instances and inputs hold columns as well as records. Bare numbers are allowed only for a model of one feature.
		switch oneFeature := len(p.Model.Schema().Features) == 1; {
		case form == formSplit:
			_, err = p.Frame.Split(data, at, row)
			return err
		case form == formRecords:
			return records(p, data, at, row)
		case data[0] == '{':
			_, err = p.Frame.Columns(data, at, row)
			return err
		case data[0] == '[' && oneFeature && !bytes.HasPrefix(bytes.TrimLeft(data[1:], " \t\r\n"), []byte("{")):
			_, err = p.Frame.Column(data, at, row)
			return err
		case data[0] == '[':
			return records(p, data, at, row)
		case data[0] == '"':
			return serving.FormError(frame.BadValue, at, "a string, want records or columns")
		}
		return serving.FormError(frame.NoColumn, at, "no names of columns: want records or columns")
	}
}

// records reads records. At least one is needed, since records name the columns.
func records(p *serving.Predictor, data []byte, at string, row func([]float64) error) error {
	n, err := p.Frame.Records(data, at, row)
	if n == 0 && err == nil {
		return serving.FormError(frame.NoColumn, at, "no records, and so no names of columns")
	}
	return err
}
