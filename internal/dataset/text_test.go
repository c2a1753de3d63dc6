package dataset_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/ngram"
)

// Free text is left out, unless it is to be hashed or the request says that it is text.
func TestScan_text(t *testing.T) {
	csv := datasettest.ReviewsCSV(500)
	for _, c := range []struct {
		name     string
		options  dataset.ScanOptions
		features []string
		warning  string
		severity dataset.Severity
	}{
		{"default", dataset.ScanOptions{}, []string{"age"}, "text=hash makes numbers of its words", dataset.Alert},
		{"hash", dataset.ScanOptions{HashText: true}, []string{"age", "review"}, "become 256 numbers", dataset.Info},
		{
			"given",
			dataset.ScanOptions{Columns: map[string]string{"review": "text"}},
			[]string{"age", "review"},
			"", "",
		},
		{
			"ignored",
			dataset.ScanOptions{HashText: true, Columns: map[string]string{"review": "ignore"}},
			[]string{"age"},
			"", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			summary, err := dataset.Scan(bytes.NewReader(csv), c.options)
			if err != nil {
				t.Fatal(err)
			}
			s := summary.Schema
			if !slices.Equal(s.Features, c.features) {
				t.Fatalf("features %q, want %q", s.Features, c.features)
			}
			width := 1
			if len(s.Features) == 2 {
				width = 2 + dataset.TextValues
				if column := s.Column(1); column.Kind != dataset.Text || !column.Missing || column.Levels != nil {
					t.Errorf("the column is %+v, want a text that may be missing", column)
				}
				if p := summary.Profile.Columns[1]; p.Kind != dataset.Text || p.Distinct < 400 || p.Top != nil || p.Missing == 0 {
					t.Errorf("profile %+v", p)
				}
			}
			if s.Width() != width || dataset.NewCells(s).Width() != width {
				t.Errorf("width %d and %d, want %d", s.Width(), dataset.NewCells(s).Width(), width)
			}
			found := slices.IndexFunc(summary.Warnings, func(w dataset.Warning) bool { return w.Code == dataset.CodeText })
			if c.warning == "" {
				if found >= 0 {
					t.Errorf("warning %+v, want none", summary.Warnings[found])
				}
				return
			}
			if found < 0 || !strings.Contains(summary.Warnings[found].Message, c.warning) ||
				summary.Warnings[found].Severity != c.severity {
				t.Errorf("warnings %+v, want %q", summary.Warnings, c.warning)
			}
		})
	}
}

// A model's text stays one, whatever a later file has in it.
func TestScan_textOfTheModel(t *testing.T) {
	known := datasettest.Reviews(t, 500).Schema
	summary, err := dataset.Scan(strings.NewReader("review,age,verdict\n1,2,good\n3,4,bad\n5,6,good\n7,8,bad\n"),
		dataset.ScanOptions{Known: &known})
	if err != nil {
		t.Fatal(err)
	}
	if column := summary.Schema.Column(1); column.Kind != dataset.Text || !column.Missing {
		t.Errorf("%+v, want a text that may be missing", column)
	}
}

func TestScan_tooManyTexts(t *testing.T) {
	texts := func(n int) (string, dataset.ScanOptions) {
		o := dataset.ScanOptions{Columns: map[string]string{}}
		var header, row strings.Builder
		for i := range n {
			fmt.Fprintf(&header, "t%d,", i)
			row.WriteString("some words,")
			o.Columns[fmt.Sprint("t", i)] = "text"
		}
		return header.String() + "class\n" + strings.Repeat(row.String()+"a\n"+row.String()+"b\n", 2), o
	}
	csv, o := texts(15)
	if _, err := dataset.Scan(strings.NewReader(csv), o); err != nil {
		t.Error(err)
	}
	csv, o = texts(16)
	_, err := dataset.Scan(strings.NewReader(csv), o)
	if err == nil || !strings.Contains(err.Error(), "4112 values of a row, 256 each, want at most 4096 in all") {
		t.Errorf("%v, want that there are too many", err)
	}
}

func TestScan_textIsNotUTF8(t *testing.T) {
	csv := "review,class\n" + strings.Repeat("good\xff,a\nbad,b\n", 5)
	_, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{Columns: map[string]string{"review": "text"}})
	if err == nil || !strings.Contains(err.Error(), "is not UTF-8") {
		t.Errorf("%v, want that a cell is not UTF-8", err)
	}
}

// A text is the same values whether it comes as text, as a number or as a truth value.
func TestCells_freeText(t *testing.T) {
	schema := func(missing bool) dataset.Schema {
		return dataset.Schema{
			Features: []string{"title", "x", "review"},
			Columns: []dataset.Column{
				{Kind: dataset.Text, Missing: missing}, {Kind: dataset.Numeric}, {Kind: dataset.Text, Missing: missing},
			},
		}
	}
	const hostile = "a\xff\x00b\xed\xa0\x80"
	want := func(at int, text string) []float64 {
		x := make([]float64, 3+2*dataset.TextValues)
		x[2*at] = ngram.ID([]byte(text))
		ngram.Hash([]byte(text), x[3+at*dataset.TextValues:][:dataset.TextValues])
		return x
	}
	cells := dataset.NewCells(schema(false))
	for at := range 2 {
		i := 2 * at
		for name, c := range map[string]struct {
			set  func(x []float64) string
			want string
		}{
			"text":        {func(x []float64) string { return cells.Text(x, i, []byte("  Good food\t")) }, "Good food"},
			"hostile":     {func(x []float64) string { return cells.Text(x, i, []byte(hostile)) }, hostile},
			"number":      {func(x []float64) string { return cells.Number(x, i, 1.50) }, "1.5"},
			"large":       {func(x []float64) string { return cells.Number(x, i, 1e21) }, "1000000000000000000000"},
			"truth":       {func(x []float64) string { return cells.Bool(x, i, true) }, "true"},
			"not missing": {func(x []float64) string { return cells.Text(x, i, []byte("N/A")) }, ""},
			"null":        {func(x []float64) string { return cells.Missing(x, i) }, ""},
			"NaN":         {func(x []float64) string { return cells.Number(x, i, math.NaN()) }, ""},
		} {
			x := make([]float64, cells.Width())
			x[3+at*dataset.TextValues] = 7 // of an earlier row
			if reason := c.set(x); reason != "" || !slices.Equal(x, want(at, c.want)) {
				t.Errorf("feature %d, %s: %q, and not the values of %q", i, name, reason, c.want)
			}
			if bad := schema(false).Columns[i].CheckValue(x[i]); bad != "" {
				t.Errorf("feature %d, %s: the value %s", i, name, bad)
			}
		}
		strict := cells.Strict()
		x := make([]float64, cells.Width())
		if reason := strict.Text(x, i, []byte("never seen")); reason != "" {
			t.Errorf("strict: %s", reason)
		}
		if reason := strict.Missing(x, i); reason != "empty cell, want a text" {
			t.Errorf("strict: a missing text is %q", reason)
		}
		optional := dataset.NewCells(schema(true))
		x[3+at*dataset.TextValues] = 7
		if reason := optional.Text(x, i, []byte("?")); reason != "" || x[i] == x[i] || x[3+at*dataset.TextValues] != 0 {
			t.Errorf("a missing text: %q, %v", reason, x[i])
		}
		var gaps dataset.Gaps
		if optional.Count(x, &gaps); gaps != (dataset.Gaps{Missing: 1}) {
			t.Errorf("gaps %+v, want one missing value", gaps)
		}
	}
	x, text := make([]float64, cells.Width()), []byte("The delivery was late again.")
	if n := testing.AllocsPerRun(100, func() {
		cells.Text(x, 2, text)
		cells.Number(x, 0, 3)
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// Rows with free text are cut, kept and recoded as wholes.
func TestTable_text(t *testing.T) {
	table := datasettest.Reviews(t, 300)
	if table.Rows() != 300 || len(table.X) != 300*table.Schema.Width() {
		t.Fatalf("%d values in %d rows", len(table.X), table.Rows())
	}
	last := slices.Clone(table.Row(299))
	sub := table.Subset([]int{3, 299})
	if !datasettest.SameRow(sub.Row(1), last) || len(sub.X) != 2*table.Schema.Width() {
		t.Error("a subset has another row")
	}
	other := table.Schema
	other.Columns = slices.Clone(other.Columns)
	other.Columns[0] = dataset.Column{Kind: dataset.Numeric, Missing: true}
	recoded, err := dataset.Recode(table, &other)
	if err != nil || !datasettest.SameRow(recoded.Row(299), last) {
		t.Errorf("recoded: another row, %v", err)
	}
	table.Keep([]int{0, 299})
	if !datasettest.SameRow(table.Row(1), last) || len(table.X) != 2*table.Schema.Width() {
		t.Error("another row is kept")
	}
}

func FuzzScan_text(f *testing.F) {
	f.Add("good food", "na\xffive")
	f.Add("", "\"")
	f.Fuzz(func(t *testing.T, a, b string) {
		quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
		csv := "review,class\n" + quote(a) + ",x\n" + quote(b) + ",y\n" + quote(a) + ",x\n" + quote(b) + ",y\n"
		table, _, err := dataset.Read(strings.NewReader(csv),
			dataset.ScanOptions{Columns: map[string]string{"review": "text"}})
		if err != nil {
			return
		}
		for r := range table.Rows() {
			x := table.Row(r)
			if bad := table.Schema.Column(0).CheckValue(x[0]); bad != "" {
				t.Errorf("row %d: the value %s", r, bad)
			}
			if slices.ContainsFunc(x[1:], func(v float64) bool { return !(v >= -1 && v <= 1) }) {
				t.Errorf("row %d: %v", r, x[1:])
			}
		}
	})
}
