package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// mixed returns a table of every kind of feature, with and without missing values. Each of them tells something about
// the class.
func mixed(rows, classes int, seed uint64) *dataset.Table {
	levels := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = "level " + strconv.Itoa(i)
		}
		return all
	}
	t := &dataset.Table{Schema: dataset.Schema{
		Features: []string{"age", "fare", "sex", "port", "city", "member", "paid", "joined", "born"},
		Label:    "class",
		Columns: []dataset.Column{
			{Kind: dataset.Numeric, Missing: true},
			{Kind: dataset.Numeric},
			{Kind: dataset.Categorical, Levels: []string{"male", "female"}},
			{Kind: dataset.Categorical, Levels: []string{"S", "C", "Q"}, Missing: true},
			{Kind: dataset.Categorical, Levels: levels(150), Missing: true},
			{Kind: dataset.Boolean, Missing: true},
			{Kind: dataset.Boolean},
			{Kind: dataset.Datetime, Missing: true},
			{Kind: dataset.Datetime},
		},
	}}
	for k := range classes {
		t.Schema.Classes = append(t.Schema.Classes, "c"+strconv.Itoa(k))
	}
	random := rand.New(rand.NewPCG(seed, 99))
	flip := func(p float64) float64 {
		if random.Float64() < p {
			return 1
		}
		return 0
	}
	for range rows {
		y := random.IntN(classes)
		at := float64(y) / float64(classes-1)
		city := random.IntN(75)*2 + int(flip(.5+.4*(at-.5)*2)) // odd cities are of later classes
		row := []float64{
			40 + 10*at + 12*random.NormFloat64(), math.Exp(random.NormFloat64() + at), flip(.3 + .4*at),
			float64(random.IntN(3)), float64(city), flip(.3 + .3*at), flip(.5),
			math.Floor(19_000+1000*random.Float64()+200*at) + float64(random.IntN(24))/24, float64(5000 + random.IntN(9000)),
		}
		for i, c := range t.Schema.Columns {
			if c.Kind == dataset.Categorical && random.IntN(30) == 0 {
				row[i] = float64(len(c.Levels))
			}
			if c.Missing && random.Float64() < .05+.2*at {
				row[i] = math.NaN()
			}
		}
		t.X, t.Y = append(t.X, row...), append(t.Y, y)
	}
	return t
}

// gaps returns rows of a mixed table with more missing values and texts that are no level.
func gaps(t *dataset.Table, rows int) *dataset.Table {
	random := rand.New(rand.NewPCG(5, 5))
	picked := make([]int, rows)
	for i := range picked {
		picked[i] = random.IntN(t.Rows())
	}
	sub := t.Subset(picked)
	for i := range sub.X {
		c := sub.Schema.Columns[i%len(sub.Schema.Features)]
		if c.Kind == dataset.Categorical && random.IntN(4) == 0 {
			sub.X[i] = float64(len(c.Levels))
		}
		if c.Missing && random.IntN(4) == 0 {
			sub.X[i] = math.NaN()
		}
	}
	return sub
}

func TestTrain_mixed(t *testing.T) {
	for _, classes := range []int{2, 3} {
		data, unseen := mixed(800, classes, 1), mixed(800, classes, 2)
		for _, algorithm := range Algorithms() {
			t.Run(fmt.Sprintf("%s/%d classes", algorithm, classes), func(t *testing.T) {
				spec := Spec{Algorithm: algorithm, Seed: 3}
				if algorithm == DecisionTree {
					spec.Hyperparameters = []byte(`{"max_depth":4}`)
				}
				m := train(t, data, spec)
				metrics, err := Evaluate(m, unseen)
				if err != nil {
					t.Fatal(err)
				}
				if chance := 1 / float64(classes); metrics.Accuracy < chance+.1 {
					t.Errorf("accuracy %v, want well above %v", metrics.Accuracy, chance)
				}
				artifact := encode(t, m)
				if again := encode(t, train(t, data, spec)); !bytes.Equal(again, artifact) {
					t.Error("a second training gives other bytes")
				}
				decoded, err := Decode(artifact)
				if err != nil {
					t.Fatal(err)
				}
				if again := encode(t, decoded); !bytes.Equal(again, artifact) {
					t.Error("the decoded model encodes to other bytes")
				}
				rows := gaps(unseen, 300)
				labels, all := make([]int, rows.Rows()), make([]float64, rows.Rows()*classes)
				m.PredictRows(rows.X, labels, all)
				p := make([]float64, classes)
				for r := range rows.Rows() {
					if got := decoded.Predict(rows.Row(r), p); got != labels[r] || !slices.Equal(p, all[r*classes:][:classes]) {
						t.Fatalf("row %d: %v after Decode, %v before", r, p, all[r*classes:][:classes])
					}
					checkProbabilities(t, p)
				}
			})
		}
	}
}

func TestPredict_mixedAllocatesNothing(t *testing.T) {
	data := mixed(300, 3, 1)
	x, labels, p := data.Row(0), make([]int, 1), make([]float64, 3)
	for _, algorithm := range Algorithms() {
		m := train(t, data, Spec{Algorithm: algorithm})
		if n := testing.AllocsPerRun(100, func() { m.Predict(x, p) }); n > forgotten {
			t.Errorf("%s: %v allocations per prediction, want none", algorithm, n)
		}
		if n := testing.AllocsPerRun(100, func() { m.PredictRows(x, labels, p) }); n > forgotten {
			t.Errorf("%s: %v allocations per call of PredictRows, want none", algorithm, n)
		}
	}
}

func TestCrossValidate_mixed(t *testing.T) {
	data := mixed(300, 2, 4)
	for _, algorithm := range Algorithms() {
		v, err := CrossValidate(t.Context(), data, Spec{Algorithm: algorithm}, CrossValidation{Folds: 3, Repeats: 1}, nil)
		if err != nil || v.Fits != 3 {
			t.Errorf("%s: %d fits, %v; want 3", algorithm, v.Fits, err)
		}
	}
}

// Features of a mixed table have their own names in an importance, whatever inputs they become.
func TestPermutationImportance_mixed(t *testing.T) {
	data := mixed(600, 2, 4)
	m := train(t, data, Spec{})
	found, err := PermutationImportance(t.Context(), m, data, 1)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]float64{}
	for _, i := range found {
		byName[i.Feature] = i.LogLoss
	}
	if len(byName) != len(data.Schema.Features) || byName["city"] < 5*math.Abs(byName["paid"]) {
		t.Errorf("importance %v, want one per feature, and city far above paid", byName)
	}
}

// A level per row, or nearly, tells nothing. A learner that saw the statistics of its own rows would believe in it.
func TestTrain_idDoesNotLeak(t *testing.T) {
	const levels = 5000
	id := dataset.Column{Kind: dataset.Categorical}
	for i := range levels {
		id.Levels = append(id.Levels, strconv.Itoa(i))
	}
	withID := func(t *dataset.Table, seed uint64) *dataset.Table {
		random := rand.New(rand.NewPCG(seed, 1))
		wide := &dataset.Table{Schema: t.Schema, Y: t.Y}
		wide.Schema.Features = append(slices.Clone(t.Schema.Features), "id")
		wide.Schema.Columns = append(slices.Clone(t.Schema.Columns), id)
		for r := range t.Rows() {
			wide.X = append(append(wide.X, t.Row(r)...), float64(random.IntN(levels)))
		}
		return wide
	}
	data, unseen := mixed(2500, 2, 6), mixed(2500, 2, 7)
	for _, algorithm := range []Algorithm{GBDT, RandomForest, LogisticRegression, GaussianNB} {
		var losses [2]float64
		for i := range losses {
			training, test := data, unseen
			if i == 1 {
				training, test = withID(data, 1), withID(unseen, 2)
			}
			metrics, err := Evaluate(train(t, training, Spec{Algorithm: algorithm}), test)
			if err != nil {
				t.Fatal(err)
			}
			losses[i] = metrics.LogLoss
		}
		t.Logf("%s: log loss %.4f without the id, %.4f with it", algorithm, losses[0], losses[1])
		if losses[1] > losses[0]+.02 {
			t.Errorf("%s: log loss %v with a random id, %v without", algorithm, losses[1], losses[0])
		}
	}
}

func TestDecode_badDesign(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name   string
		change func(m *Model)
		want   string
	}{
		{"too few columns", func(m *Model) { m.design.Columns = m.design.Columns[1:] }, "8 columns of 9 features"},
		{"no inputs", func(m *Model) { m.design.Columns[0].Numbers = nil }, "no inputs"},
		{"groups of a number", func(m *Model) { m.design.Columns[0].Groups = []int{0} }, "groups of a number"},
		{"a part of a number", func(m *Model) { m.design.Columns[1].Numbers[0].Part = "year" }, `part "year"`},
		{"no such part", func(m *Model) { m.design.Columns[8].Numbers[0].Part = "moon" }, `part "moon"`},
		{"numbers of levels", func(m *Model) { m.design.Columns[2].Indicator = true }, "numbers of a category"},
		{"too few groups", func(m *Model) { m.design.Columns[3].Groups = []int{0, 1, 2} }, "3 groups for 5 codes"},
		{"no such group", func(m *Model) { m.design.Columns[2].Groups[0] = 3 }, "group 3 of 3"},
		{"a negative group", func(m *Model) { m.design.Columns[2].Groups[0] = -1 }, "group -1"},
		{"too few statistics", func(m *Model) { m.design.Columns[4].Statistics = []float64{.5} }, "1 statistics"},
		{"a large statistic", func(m *Model) { m.design.Columns[4].Statistics[0] = 2 }, "statistic 0 is 2"},
		{"no such class", func(m *Model) { m.design.Classes[0] = 2 }, "class 2 of 2"},
		{"no design", func(m *Model) { m.design = nil }, "a design is missing"},
		{"a plain schema", func(m *Model) { m.schema.Columns = nil }, "a design is missing"},
		{"other inputs", func(m *Model) { m.design.Columns[0].Indicator = false }, "features"},
	}
	data := mixed(800, 2, 1)
	data.X[0] = nan
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := train(t, data, Spec{})
			test.change(m)
			if _, err := Decode(encode(t, m)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
