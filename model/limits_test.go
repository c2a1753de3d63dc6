package model

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"iris/internal/dataset"
)

// wavyTable has the features rise, which the second class prefers in waves, noise, level, and gap, which is sometimes
// missing.
func wavyTable(rows int) *dataset.Table {
	t := &dataset.Table{Schema: dataset.Schema{
		Features: []string{"rise", "noise", "level", "gap"}, Label: "y", Classes: []string{"no", "yes"},
		Columns: []dataset.Column{
			{}, {}, {Kind: dataset.Categorical, Levels: []string{"a", "b", "c"}}, {Kind: dataset.Numeric, Missing: true},
		},
	}}
	r := rand.New(rand.NewPCG(3, 9))
	for range rows {
		rise, noise, level, gap := 10*r.Float64(), r.NormFloat64(), r.IntN(3), r.NormFloat64()
		odds := .4*(rise-5) + 1.5*math.Sin(2*rise) + noise*float64(level-1) + .5*gap
		if r.IntN(5) == 0 {
			gap = math.NaN()
		}
		y := 0
		if r.Float64() < 1/(1+math.Exp(-odds)) {
			y = 1
		}
		t.X, t.Y = append(t.X, rise, noise, float64(level), gap), append(t.Y, y)
	}
	return t
}

func trainLimited(t *testing.T, table *dataset.Table, hyperparameters string) *Model {
	t.Helper()
	m, err := Train(t.Context(), table, Spec{
		Algorithm: GBDT, Seed: 5, Hyperparameters: json.RawMessage(hyperparameters),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func logOdds(m *Model, x []float64) float64 {
	p := make([]float64, 2)
	m.Predict(x, p)
	return math.Log(p[1]) - math.Log(p[0])
}

func TestGBDT_monotone(t *testing.T) {
	table := wavyTable(3000)
	for _, c := range []struct {
		feature   int
		direction float64
	}{{0, 1}, {0, -1}, {3, 1}} {
		name := table.Schema.Features[c.feature]
		limited := trainLimited(t, table, `{"monotone":{"`+name+`":`+strconv.Itoa(int(c.direction))+`}}`)
		free := trainLimited(t, table, `{}`)
		falls := func(m *Model) int {
			n := 0
			for row := range 40 {
				x := append([]float64(nil), table.Row(row)...)
				before := math.Inf(-1)
				for step := range 200 {
					x[c.feature] = []float64{.05, 0, 0, .03}[c.feature]*float64(step) - []float64{0, 0, 0, 3}[c.feature]
					now := c.direction * logOdds(m, x)
					if now < before-1e-12 {
						n++
					}
					before = now
				}
			}
			return n
		}
		if n := falls(limited); n > 0 {
			t.Errorf("%s with direction %v: %d steps in the wrong direction", name, c.direction, n)
		}
		if falls(free) == 0 {
			t.Errorf("%s is monotone without a direction, so the test shows nothing", name)
		}
	}
}

// Scores of a model whose groups have one feature each add up from the features.
func TestGBDT_interactions(t *testing.T) {
	table := wavyTable(2500)
	apart := trainLimited(t, table, `{"interactions":[["noise"],["rise","gap"]]}`)
	together := trainLimited(t, table, `{"interactions":[["noise","level"],["rise"]]}`)
	worst := func(m *Model, a, b int) float64 {
		most := 0.0
		for row := range 50 {
			x, y := append([]float64(nil), table.Row(row)...), table.Row(row+50)
			both, first, second := append([]float64(nil), x...), append([]float64(nil), x...), append([]float64(nil), x...)
			both[a], both[b], first[a], second[b] = y[a], y[b], y[a], y[b]
			most = max(most, math.Abs(logOdds(m, x)+logOdds(m, both)-logOdds(m, first)-logOdds(m, second)))
		}
		return most
	}
	const noise, level, rise = 1, 2, 0
	if d := worst(apart, noise, level); d > 1e-9 {
		t.Errorf("noise and level do not add up: %v", d)
	}
	if d := worst(together, noise, level); d < 0.1 {
		t.Errorf("noise and level add up (%v) although they may meet", d)
	}
	if d := worst(together, rise, level); d > 1e-9 {
		t.Errorf("rise and level do not add up: %v", d)
	}
}

func TestGBDT_limitsOfAnotherTable(t *testing.T) {
	mixed, three := wavyTable(200), wavyTable(200)
	three.Schema.Classes, three.Y[0] = []string{"maybe", "no", "yes"}, 2
	for _, c := range []struct {
		table           *dataset.Table
		hyperparameters string
		pointer         string
	}{
		{mixed, `{"monotone":{"age":1}}`, "/hyperparameters/monotone/age"},
		{mixed, `{"monotone":{"level":1}}`, "/hyperparameters/monotone/level"},
		{mixed, `{"monotone":{"rise":2}}`, "/hyperparameters/monotone/rise"},
		{mixed, `{"monotone":[]}`, "/hyperparameters/monotone"},
		{mixed, `{"interactions":[["rise"],["noise","age"]]}`, "/hyperparameters/interactions/1/1"},
		{mixed, `{"interactions":[[3]]}`, "/hyperparameters/interactions/0/0"},
		{three, `{"monotone":{"rise":1}}`, "/hyperparameters/monotone/rise"},
	} {
		_, err := Train(t.Context(), c.table, Spec{Algorithm: GBDT, Hyperparameters: json.RawMessage(c.hyperparameters)}, nil)
		var bad *SpecError
		if !errors.As(err, &bad) || bad.Pointer != c.pointer {
			t.Errorf("%s: %v, want an error at %s", c.hyperparameters, err, c.pointer)
		}
	}
}
