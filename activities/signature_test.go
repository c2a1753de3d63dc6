package activities

import (
	"slices"
	"testing"

	"iris/internal/dataset"
	"iris/internal/mlflow"
)

func TestSignature_mixed(t *testing.T) {
	s := dataset.Schema{
		Features: []string{"fare", "age", "sex", "none", "member", "joined"},
		Columns: []dataset.Column{
			{},
			{Kind: dataset.Numeric, Missing: true},
			{Kind: dataset.Categorical, Levels: []string{"m", "f"}},
			{Kind: dataset.Categorical, Missing: true},
			{Kind: dataset.Boolean, Missing: true},
			{Kind: dataset.Datetime},
		},
	}
	inputs := []mlflow.Column{
		{Name: "fare", Type: "double"},
		{Name: "age", Type: "double", Optional: true},
		{Name: "sex", Type: "string"},
		{Name: "none", Type: "string", Optional: true},
		{Name: "member", Type: "any", Optional: true},
		{Name: "joined", Type: "any"},
	}
	if got := inputColumns(&s); !slices.Equal(got, inputs) {
		t.Errorf("inputs %v, want %v", got, inputs)
	}
	inputs[4].Type, inputs[5].Type = "boolean", "datetime"
	if got := datasetColumns(&s); !slices.Equal(got, inputs) {
		t.Errorf("columns of a dataset %v, want %v", got, inputs)
	}
	p := dataset.Profile{Columns: []dataset.ColumnProfile{{Mean: 1.5}, {Mean: 2}, {}, {}, {Mean: .75}, {Mean: 19753.9}}}
	if got, want := typicalRow(&s, p), []any{1.5, 2., "m", "", true, "2024-01-31"}; !slices.Equal(got, want) {
		t.Errorf("example %v, want %v", got, want)
	}
}
