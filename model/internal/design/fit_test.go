package design

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"iris/internal/dataset"
	"iris/internal/literal"
)

// one returns a table of one feature. The first half of the rows is of the class a.
func one(c dataset.Column, values ...float64) *dataset.Table {
	t := &dataset.Table{
		Schema: dataset.Schema{
			Features: []string{"x"}, Label: "y", Classes: []string{"a", "b"}, Columns: []dataset.Column{c},
		},
		X: values,
		Y: make([]int, len(values)),
	}
	for r := range values {
		t.Y[r] = r * 2 / len(values)
	}
	return t
}

// days returns the days of a date and time since 1970-01-01.
func days(text string) float64 {
	date, ok := literal.ParseDate(text, literal.YearFirst)
	if !ok {
		panic(text)
	}
	return date.Days
}

func TestDesign_inputs(t *testing.T) {
	nan := math.NaN()
	number := dataset.Column{Kind: dataset.Numeric, Missing: true}
	boolean := dataset.Column{Kind: dataset.Boolean, Missing: true}
	date := dataset.Column{Kind: dataset.Datetime}
	levels := dataset.Column{Kind: dataset.Categorical, Levels: []string{"p", "q", "r"}}
	levelsMissing := levels
	levelsMissing.Missing = true
	tests := []struct {
		name     string
		encoding Encoding
		column   dataset.Column
		training []float64
		value    float64
		want     []float64
		codes    []int
	}{
		{"a number", AsNumbers, number, []float64{1, 2, nan, 9}, 5, []float64{5, 0}, []int{0, 2}},
		{"a missing number", AsNumbers, number, []float64{1, 2, nan, 9}, nan, []float64{2, 1}, []int{0, 2}},
		{"a number, none missing", AsNumbers, number, []float64{1, 2, 3, 9}, nan, []float64{2}, []int{0}},
		{"all missing", AsNumbers, number, []float64{nan, nan}, nan, []float64{0, 1}, []int{0, 2}},
		{"a number to split", AsSplits, number, []float64{1, 2, nan, 9}, 5, []float64{5, 5}, []int{0, 0}},
		{"a missing number to split", AsSplits, number, []float64{1, 2, nan, 9}, nan, []float64{-8, 18}, []int{0, 0}},
		{"none missing to split", AsSplits, number, []float64{1, 2, 3, 9}, nan, []float64{2}, []int{0}},
		{"all missing to split", AsSplits, number, []float64{nan, nan}, nan, []float64{0}, []int{0}},
		{"a number of a class", AsLikelihoods, number, []float64{1, 2, nan, 9}, 5, []float64{5, 0}, []int{0, 2}},
		{"a missing boolean", AsNumbers, boolean, []float64{1, 1, nan, 0}, nan, []float64{1, 1}, []int{0, 2}},
		{"a missing boolean to split", AsSplits, boolean, []float64{1, 1, nan, 0}, nan, []float64{-1, 2}, []int{0, 0}},
		{
			"a date", AsNumbers, date,
			[]float64{days("2024-02-29"), 0},
			days("2024-02-29"),
			[]float64{2024, 2, 3, days("2024-02-29")},
			make([]int, 4),
		},
		{
			"a time", AsSplits, date,
			[]float64{days("2023-12-31 17:00"), 0},
			days("2023-12-31 17:00"),
			[]float64{2023, 12, 6, 17, days("2023-12-31 17:00")},
			make([]int, 5),
		},
		{
			"a missing date to split", AsSplits,
			dataset.Column{Kind: dataset.Datetime, Missing: true},
			[]float64{10, 365, nan},
			nan,
			[]float64{1969, -1, -1, -355, 730},
			make([]int, 5),
		},
		{"a level", AsNumbers, levels, []float64{0, 1, 0, 1, 2, 2}, 1, []float64{0, 1, 0, 0}, []int{2, 2, 2, 2}},
		{"an unseen level", AsNumbers, levels, []float64{0, 1, 0, 1, 2, 2}, 3, []float64{0, 0, 0, 1}, []int{2, 2, 2, 2}},
		{"a rare level", AsNumbers, levels, []float64{0, 1, 0, 1, 2, 3}, 2, []float64{0, 0, 1}, []int{2, 2, 2}},
		{
			"a missing level", AsNumbers, levelsMissing,
			[]float64{0, 0, nan, nan, 1, 2},
			nan,
			[]float64{0, 1, 0},
			[]int{2, 2, 2},
		},
		{
			"never missing",
			AsNumbers,
			levelsMissing,
			[]float64{0, 0, 1, 1, 2, 2},
			nan,
			[]float64{0, 0, 0, 1},
			[]int{2, 2, 2, 2},
		},
		{"a level to split", AsSplits, levels, []float64{1, 1, 0, 3}, 0, []float64{1}, []int{3}},
		{"an unseen level to split", AsSplits, levels, []float64{1, 1, 0, 3}, 2, []float64{2}, []int{3}},
		{
			"a missing level to split", AsSplits, levelsMissing,
			[]float64{1, 1, 0, nan},
			nan,
			[]float64{0},
			[]int{4},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table := one(test.column, test.training...)
			d, inputs, err := Fit(t.Context(), table, test.encoding, 1)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float64, d.inputs)
			d.Encode([]float64{test.value}, got)
			if !slices.Equal(got, test.want) {
				t.Errorf("inputs %v, want %v", got, test.want)
			}
			if most := MaxInputs(&table.Schema, test.encoding); most < d.inputs {
				t.Errorf("at most %d inputs, want at least the %d of the fit", most, d.inputs)
			}
			if !slices.Equal(inputs.Codes, test.codes) {
				t.Errorf("codes %v, want %v", inputs.Codes, test.codes)
			}
		})
	}
}

// Levels beyond the limit share a group, and the share of the class among their rows tells them apart.
func TestDesign_manyLevels(t *testing.T) {
	const levels = 100
	c := dataset.Column{Kind: dataset.Categorical}
	var values []float64
	for i := range levels {
		c.Levels = append(c.Levels, "l"+strconv.Itoa(i))
		for range 20 {
			values = append(values, float64(i))
		}
	}
	data := one(c, values...) // the first 50 levels are of class a
	for e, want := range map[Encoding]struct{ inputs, groups int }{AsNumbers: {52, 51}, AsSplits: {2, 64}} {
		d, inputs, err := Fit(t.Context(), data, e, 1)
		if err != nil {
			t.Fatal(err)
		}
		if most := MaxInputs(&data.Schema, e); most != want.inputs {
			t.Errorf("at most %d inputs, want %d", most, want.inputs)
		}
		if d.inputs != want.inputs || d.Columns[0].groups != want.groups {
			t.Errorf("%d inputs, %d groups; want %v", d.inputs, d.Columns[0].groups, want)
		}
		got := make([]float64, d.inputs)
		for value, want := range map[float64]float64{0: 5. / 30, 99: 25. / 30, levels: .5} {
			if d.Encode([]float64{value}, got); math.Abs(got[len(got)-1]-want) > 1e-12 {
				t.Errorf("level %v has the share %v, want %v", value, got[len(got)-1], want)
			}
		}
		own := map[float64]bool{}
		for r := range 20 {
			own[inputs.Row(r)[d.inputs-1]] = true
		}
		if len(own) > statisticFolds || own[5./30] {
			t.Errorf("shares %v in the rows of a level, want those of the other parts", own)
		}
	}
}
