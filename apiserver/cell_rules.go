package apiserver

import (
	"encoding/csv"
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/workflows"
)

// cellParameters are the parameters of a query that say how the cells of a CSV are read.
func cellParameters(r *workflows.CellRules) map[string]queryParameter {
	return map[string]queryParameter{
		"columns": {set: func(v []string) (err error) { r.Columns, err = parseColumns(v[0]); return err }},
		"missing_values": {set: func(v []string) (err error) {
			r.MissingValues, err = parseRecord(v[0])
			return explain(err, "is not a list as a line of a CSV")
		}},
		"allow_missing": {set: func(v []string) (err error) {
			r.AllowMissing, err = strconv.ParseBool(v[0])
			return explain(err, "is neither true nor false")
		}},
		"min_class_rows": {set: func(v []string) (err error) { r.MinClassRows, err = parseInt(v[0]); return err }},
		"text":           {set: func(v []string) error { r.Text = v[0]; return nil }},
	}
}

// cellTargets are the fields of a JSON object that say how the cells of a CSV are read.
func cellTargets(r *workflows.CellRules) map[string]any {
	return map[string]any{
		"columns": &r.Columns, "missing_values": &r.MissingValues, "allow_missing": &r.AllowMissing,
		"min_class_rows": &r.MinClassRows, "text": &r.Text,
	}
}

// parseRecord reads one line of a CSV.
func parseRecord(line string) ([]string, error) { return csv.NewReader(strings.NewReader(line)).Read() }

// parseColumns reads name:kind,name:kind. A name may have a colon.
func parseColumns(line string) (map[string]string, error) {
	pairs, err := parseRecord(line)
	if err != nil {
		return nil, errors.New("is not a list as a line of a CSV")
	}
	columns := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		at := strings.LastIndexByte(pair, ':')
		if at < 0 {
			return nil, errors.New("is not a list of columns and kinds: write name:kind,name:kind")
		}
		if _, twice := columns[pair[:at]]; twice {
			return nil, errors.New("names a column twice")
		}
		columns[pair[:at]] = pair[at+1:]
	}
	return columns, nil
}

// foldCellRules folds the words of the rules.
func foldCellRules(r workflows.CellRules) workflows.CellRules {
	r.Text = foldWord(r.Text, workflows.TextWords())
	r.Columns = maps.Clone(r.Columns)
	for name, kind := range r.Columns {
		r.Columns[name] = foldWord(kind, workflows.ColumnWords())
	}
	return r
}

// cellQuery describes cellParameters to OpenAPI.
func cellQuery() []*huma.Param {
	return []*huma.Param{
		apidoc.Query(
			"columns",
			"The kind of columns, name:kind,name:kind. A kind is numeric, boolean, categorical, datetime or "+
				"text; `ignore` leaves the column out. Iris finds the kind of all other columns.",
			&huma.Schema{Type: huma.TypeString, Examples: []any{"zip:categorical,id:ignore"}},
		),
		apidoc.Query(
			"missing_values",
			"The texts that mean that a value is missing, a,b, instead of NA, N/A, NaN, null, None, ? "+
				"and -. An empty cell always means it.",
			&huma.Schema{Type: huma.TypeString, Examples: []any{"NA,unknown"}},
		),
		apidoc.Query("allow_missing", "Any feature may be missing at a prediction, even if none is in the data.",
			&huma.Schema{Type: huma.TypeBoolean, Default: false}),
		apidoc.Query("min_class_rows", "Rows of a class with fewer rows are left out.",
			&huma.Schema{Type: huma.TypeInteger, Minimum: new(2.0), Maximum: new(1e6), Default: 2}),
		apidoc.Query(
			"text",
			"What becomes of columns of free text: `ignore` leaves them out, `hash` makes numbers of their words.",
			&huma.Schema{Type: huma.TypeString, Enum: anyOf(workflows.TextWords()), Default: workflows.TextWords()[0]},
		),
	}
}

// cellJSON describes the fields of cellTargets that JSON writes in another way than the query.
func cellJSON() map[string]*huma.Schema {
	return map[string]*huma.Schema{
		"columns": {
			Type: huma.TypeObject, Description: "The kind of columns by their name; `ignore` leaves a column out.",
			AdditionalProperties: &huma.Schema{Type: huma.TypeString, Enum: anyOf(workflows.ColumnWords())},
			Examples:             []any{map[string]any{"zip": "categorical", "id": "ignore"}},
		},
		"missing_values": {
			Type: huma.TypeArray, MaxItems: new(100), Items: &huma.Schema{Type: huma.TypeString, MaxLength: new(32)},
			Description: "The texts that mean that a value is missing, instead of the default ones. " +
				"An empty cell always means it.",
		},
	}
}
