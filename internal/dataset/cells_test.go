package dataset_test

import (
	"math"
	"testing"

	"iris/internal/dataset"
	"iris/internal/literal"
)

// shopping has a feature of each kind, with and without missing values.
func shopping() dataset.Schema {
	return dataset.Schema{
		Features: []string{"age", "income", "member", "city", "zip", "since", "price"},
		Label:    "bought", Classes: []string{"no", "yes"},
		Columns: []dataset.Column{
			{Kind: dataset.Numeric},
			{Kind: dataset.Numeric, Missing: true},
			{Kind: dataset.Boolean},
			{Kind: dataset.Categorical, Levels: []string{"Paris", "Rome", "3"}},
			{Kind: dataset.Categorical, Levels: []string{"01234"}, Missing: true},
			{Kind: dataset.Datetime, DateOrder: literal.DayFirst, Missing: true},
			{Kind: dataset.Numeric, Formatted: true},
		},
	}
}

const (
	age = iota
	income
	member
	city
	zip
	since
	price
)

func TestCells_text(t *testing.T) {
	nan := math.NaN()
	cells := dataset.NewCells(shopping())
	x := make([]float64, cells.Width())
	for _, c := range []struct {
		feature int
		text    string
		want    float64
		reason  string
	}{
		{age, "3.5", 3.5, ""},
		{age, " -0 ", 0, ""},
		{age, "", 0, "empty cell, want a number"},
		{age, "NA", 0, "empty cell, want a number"},
		{age, "abc", 0, `"abc" is not a finite number`},
		{age, "inf", 0, `"inf" is not a finite number`},
		{age, "1e999", 0, `"1e999" is not a finite number`},
		{age, "1,200", 0, `"1,200" is not a finite number`},
		{income, "", nan, ""},
		{income, " n/A ", nan, ""},
		{income, "?", nan, ""},
		{income, "-", nan, ""},
		{income, "NULL", nan, ""},
		{income, "-inf", nan, ""},
		{income, "none of it", 0, `"none of it" is not a finite number`},
		{member, "Yes", 1, ""},
		{member, "FALSE", 0, ""},
		{member, "1.0", 1, ""},
		{member, "t", 1, ""},
		{member, "maybe", 0, `"maybe" is neither true nor false`},
		{member, "", 0, "empty cell, want a truth value"},
		{city, "Rome", 1, ""},
		{city, " Paris ", 0, ""},
		{city, "Oslo", 3, ""},
		{city, "", 3, ""},
		{zip, "01234", 0, ""},
		{zip, "1234", 1, ""},
		{zip, "NA", nan, ""},
		{since, "31.01.1970", 30, ""},
		{since, "1970-01-02T12:00Z", 1.5, ""},
		{since, "31.02.1970", 0, `"31.02.1970" is not a date`},
		{since, "", nan, ""},
		{price, "$3,100", 3100, ""},
		{price, "-$1,234,567.25", -1234567.25, ""},
		{price, "4000 EUR", 4000, ""},
		{price, "12 %", 12, ""},
		{price, "\u20ac 5.5", 5.5, ""},
		{price, "1,20", 0, `"1,20" is not a finite number`},
		{price, "1234,567", 0, `"1234,567" is not a finite number`},
		{price, "$", 0, `"$" is not a finite number`},
		{price, "--5", 0, `"--5" is not a finite number`},
	} {
		reason := cells.Text(x, c.feature, []byte(c.text))
		got := x[c.feature]
		if reason != c.reason || reason == "" && math.Float64bits(got) != math.Float64bits(c.want) {
			t.Errorf("feature %d, text %q: %v, %q; want %v, %q", c.feature, c.text, got, reason, c.want, c.reason)
		}
	}
}

func TestCells_numbersAndTruths(t *testing.T) {
	nan := math.NaN()
	cells := dataset.NewCells(shopping())
	x := make([]float64, cells.Width())
	for _, c := range []struct {
		feature int
		number  float64
		want    float64
		good    bool
	}{
		{age, 2, 2, true},
		{age, nan, 0, false},
		{age, math.Inf(1), 0, false},
		{income, math.Inf(1), nan, true},
		{income, nan, nan, true},
		{member, 1, 1, true},
		{member, 2, 0, false},
		{city, 3, 2, true}, // the level "3"
		{city, 4, 3, true},
		{since, 1.5, 1.5, true},
	} {
		reason := cells.Number(x, c.feature, c.number)
		got := x[c.feature]
		if (reason == "") != c.good || c.good && math.Float64bits(got) != math.Float64bits(c.want) {
			t.Errorf("feature %d, number %v: %v, %q; want %v, good %v", c.feature, c.number, got, reason, c.want, c.good)
		}
	}
	if reason := cells.Bool(x, member, true); x[member] != 1 || reason != "" {
		t.Errorf("true: %v, %q; want 1", x[member], reason)
	}
	if reason := cells.Bool(x, since, true); reason == "" {
		t.Error("true as a date is accepted")
	}
}

func TestCells_goodValuesDoNotAllocate(t *testing.T) {
	cells := dataset.NewCells(shopping())
	texts := [][]byte{
		[]byte("3.5"), []byte("NA"), []byte("yes"), []byte("Rome"), []byte("unknown"), []byte("31.01.1970 17:05"),
		[]byte("-$1,200.50"),
	}
	x := make([]float64, cells.Width())
	if n := testing.AllocsPerRun(100, func() {
		for i, text := range texts {
			cells.Text(x, i, text)
		}
		cells.Number(x, city, 3)
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestCells_counts(t *testing.T) {
	cells := dataset.NewCells(shopping())
	var gaps dataset.Gaps
	cells.Count([]float64{1, math.NaN(), 0, 3, math.NaN(), 5, 3}, &gaps)
	if want := (dataset.Gaps{Unseen: 1, Missing: 2}); gaps != want {
		t.Errorf("%+v, want %+v", gaps, want)
	}
}

func TestCells_otherWordsForMissing(t *testing.T) {
	s := shopping()
	s.MissingValues = []string{"-999"}
	cells := dataset.NewCells(s)
	x := make([]float64, cells.Width())
	if reason := cells.Text(x, zip, []byte("-999")); x[zip] == x[zip] || reason != "" {
		t.Errorf("-999: %v, %q; want NaN", x[zip], reason)
	}
	if cells.Text(x, zip, []byte("NA")); x[zip] != 1 {
		t.Errorf("NA: %v, want another text", x[zip])
	}
}

func TestParseDate(t *testing.T) {
	for _, c := range []struct {
		text  string
		order literal.DateOrder
		days  float64
		good  bool
	}{
		{"1970-01-01", literal.YearFirst, 0, true},
		{"1969-12-31", literal.YearFirst, -1, true},
		{"2000/2/29", literal.YearFirst, 11016, true},
		{"1900-02-29", literal.YearFirst, 0, false},
		{"02.01.1970", literal.DayFirst, 1, true},
		{"02/01/1970", literal.MonthFirst, 31, true},
		{"1970-01-02", literal.MonthFirst, 1, true},
		{"1970-01-01 06:00", literal.YearFirst, 0.25, true},
		{"1970-01-01T06:00:00+06:00", literal.YearFirst, 0, true},
		{"1970-01-01T12:00:00.000Z", literal.YearFirst, 0.5, true},
		{"1970-01-01T25:00", literal.YearFirst, 0, false},
		{"1970-01-01T", literal.YearFirst, 0, false},
		{"1970-1", literal.YearFirst, 0, false},
		{"01.02.70", literal.DayFirst, 0, false},
		{"1.2.3", literal.YearFirst, 0, false},
		{"13/13/2020", literal.DayFirst, 0, false},
		{"20240131", literal.YearFirst, 0, false},
		{"", literal.YearFirst, 0, false},
	} {
		got, ok := literal.ParseDate(c.text, c.order)
		if ok != c.good || ok && got.Days != c.days {
			t.Errorf("%q as %s: %v, %v; want %v, %v", c.text, c.order, got.Days, ok, c.days, c.good)
		}
	}
}

func FuzzCells(f *testing.F) {
	for _, text := range []string{"3.5", "-$1,200", "31.01.1970 17:05", "NA", "\u20ac", "1.2.2000T1:00+01"} {
		f.Add(text)
	}
	s := shopping()
	cells := dataset.NewCells(s)
	f.Fuzz(func(t *testing.T, text string) {
		x := make([]float64, cells.Width())
		for i := range s.Features {
			if reason := cells.Text(x, i, []byte(text)); reason == "" {
				if bad := s.Column(i).CheckValue(x[i]); bad != "" {
					t.Errorf("%q as %s: the value %s", text, s.Features[i], bad)
				}
			}
		}
	})
}
