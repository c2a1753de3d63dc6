package activities

import (
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
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
			x := make([]float64, 1)
			cells.Text(x, 0, []byte(colour))
			table.X, table.Y = append(table.X, x...), append(table.Y, y)
		}
	}
	return table
}

// The metric that chose the threshold of the candidate is measured on the labels of both models.
func TestComparison_byTheMetricOfTheThreshold(t *testing.T) {
	visits := datasettest.VisitsTable(300)
	m, err := model.Train(t.Context(), visits, model.Spec{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	decided, err := m.Decide(t.Context(), visits, model.DecisionRequest{ThresholdMetric: model.F1Threshold},
		model.CrossValidation{Folds: 2, Repeats: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	never, err := m.WithThreshold(1 - 1e-15)
	if err != nil {
		t.Fatal(err)
	}
	var c Comparison
	err = c.score(decided, never, visits)
	if err != nil || c.Metric != model.F1Threshold || c.CandidateValue < 0.3 || c.ChampionValue != 0 {
		t.Errorf("%+v (%v), want F1 of both, and 0 of a model that calls no row positive", c, err)
	}
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
