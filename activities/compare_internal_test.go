package activities

import (
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/model"
)

// colours returns rows of one level each, whose class follows the level, with the levels in the given order.
func colours(levels ...string) *dataset.Table {
	schema := dataset.Schema{
		Features: []string{"colour"}, Label: "warm", Classes: []string{"no", "yes"},
		Columns: []dataset.Column{{Kind: dataset.Categorical, Levels: levels}},
	}
	table := &dataset.Table{Schema: schema, Codes: []int{len(levels) + 1}}
	cells := dataset.NewCells(schema)
	for range 10 {
		for y, colour := range []string{"blue", "red"} {
			code, _ := cells.Text(0, []byte(colour))
			table.X, table.Y = append(table.X, code), append(table.Y, y)
		}
	}
	return table
}

func TestComparison_score(t *testing.T) {
	train := func(table *dataset.Table) *model.Model {
		t.Helper()
		m, err := model.Train(t.Context(), table, model.Spec{Algorithm: model.DecisionTree}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	rows := colours("blue", "red", "green")
	candidate := train(rows)

	var c Comparison
	if err := c.score(candidate, train(colours("red", "blue")), rows); err != nil {
		t.Fatal(err)
	}
	if !c.Comparable || c.Rows != 20 || c.CandidateAccuracy != 1 || c.ChampionAccuracy != 1 || c.PValue != 1 {
		t.Errorf("other levels: %+v, want both models right on 20 rows", c)
	}

	numbers := colours("red", "blue")
	numbers.Schema.Columns, numbers.Codes = nil, nil
	c = Comparison{}
	if err := c.score(candidate, train(numbers), rows); err != nil {
		t.Fatal(err)
	}
	if c.Comparable || !strings.Contains(c.Why, "colour") || !strings.Contains(c.Why, "numeric") {
		t.Errorf("another kind: %+v, want not comparable and the feature named", c)
	}
}
