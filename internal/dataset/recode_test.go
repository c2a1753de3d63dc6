package dataset_test

import (
	"math"
	"slices"
	"testing"

	"iris/internal/dataset"
)

func TestRecode(t *testing.T) {
	column := func(levels ...string) dataset.Column {
		return dataset.Column{Kind: dataset.Categorical, Levels: levels, Missing: true}
	}
	schema := func(c dataset.Column) dataset.Schema {
		return dataset.Schema{
			Features: []string{"age", "city"}, Label: "y", Classes: []string{"no", "yes"},
			Columns: []dataset.Column{{}, c},
		}
	}
	nan := math.NaN()
	from := &dataset.Table{
		Schema: schema(column("Rome", "Paris", "Oslo")), Y: []int{0, 1, 0, 1, 0},
		X: []float64{5, 0, 6, 1, 7, 2, 8, 3, 9, nan},
	}
	to := schema(column("Oslo", "Rome"))
	got, err := dataset.Recode(from, &to)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{5, 1, 6, 2, 7, 0, 8, 2, 9, nan}
	if !slices.EqualFunc(got.X, want, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
		t.Errorf("values %v, want %v", got.X, want)
	}
	for name, other := range map[string]dataset.Column{
		"another kind":  {Kind: dataset.Numeric, Missing: true},
		"a boolean now": {Kind: dataset.Boolean, Missing: true},
	} {
		to := schema(other)
		if _, err := dataset.Recode(from, &to); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if same, err := dataset.Recode(from, &from.Schema); same != from || err != nil {
		t.Errorf("the same schema: %p, %v; want the table %p", same, err, from)
	}
}
