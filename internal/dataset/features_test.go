package dataset_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// mixed has a column of text and a class column that is not the last one.
const mixed = "note,a,kind,b,c\nfirst,1,x,2,9\n,3,y,4,9\nNaN,5,x,6,9\n\"4,4\",7,y,8,9\n"

func TestRead_features(t *testing.T) {
	known := &dataset.Schema{Features: []string{"b", "a"}, Label: "kind", Classes: []string{"x", "y"}}
	for _, c := range []struct {
		name, csv string
		options   dataset.ScanOptions
		want      string // features
		row       []float64
	}{
		{
			"in the order given", mixed,
			dataset.ScanOptions{LabelColumn: "kind", Features: []string{"b", "a"}},
			"b a",
			[]float64{4, 3},
		},
		{"one of them", mixed, dataset.ScanOptions{LabelColumn: "kind", Features: []string{"b"}}, "b", []float64{4}},
		{
			"in the order of the model", mixed,
			dataset.ScanOptions{Known: known, Features: []string{"a", "b"}},
			"b a",
			[]float64{4, 3},
		},
		{
			"other ones than the model's, allowed", mixed,
			dataset.ScanOptions{Known: known, Features: []string{"c", "a"}, AllowSchemaChange: true},
			"c a",
			[]float64{9, 3},
		},
		{
			"without a header", "1,2,x\n3,4,y\n5,6,x\n7,8,y\n",
			dataset.ScanOptions{Known: known, Features: []string{"a"}, AllowSchemaChange: true},
			"a",
			[]float64{4},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, summary, err := dataset.Read(strings.NewReader(c.csv), c.options)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(summary.Schema.Features, " "); got != c.want || summary.Schema.Label != "kind" {
				t.Errorf("features %s, label %s; want %s, kind", got, summary.Schema.Label, c.want)
			}
			if !slices.Equal(table.Row(1), c.row) || len(summary.Profile.Columns) != len(c.row) {
				t.Errorf("row 1 %v of %d columns, want %v", table.Row(1), len(summary.Profile.Columns), c.row)
			}
		})
	}
}

func TestScan_badFeatures(t *testing.T) {
	known := &dataset.Schema{Features: []string{"a", "b"}, Label: "kind", Classes: []string{"x", "y"}}
	for _, c := range []struct {
		name          string
		options       dataset.ScanOptions
		pointer, want string
	}{
		{
			"not a column",
			dataset.ScanOptions{LabelColumn: "kind", Features: []string{"a", "b", "z"}},
			"/features/2",
			`"z" is not a column of the data: "note", "a"`,
		},
		{
			"the class column",
			dataset.ScanOptions{LabelColumn: "kind", Features: []string{"kind"}},
			"/features/0",
			"class column",
		},
		{"twice", dataset.ScanOptions{LabelColumn: "kind", Features: []string{"a", "a"}}, "/features/1", "twice"},
		{"none", dataset.ScanOptions{LabelColumn: "kind", Features: []string{}}, "/features", "empty"},
		{
			"text as numbers",
			dataset.ScanOptions{
				LabelColumn: "kind", Features: []string{"note", "a"}, Columns: map[string]string{"note": "numeric"},
			},
			"", "finite number",
		},
		{"fewer than the model's", dataset.ScanOptions{Known: known, Features: []string{"a"}}, "", `missing "b"`},
		{"others than the model's", dataset.ScanOptions{Known: known, Features: []string{"a", "c"}}, "", `not expected "c"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := dataset.Scan(strings.NewReader(mixed), c.options)
			row, ok := errors.AsType[*dataset.RowError](err)
			if !ok || row.Pointer != c.pointer || !strings.Contains(row.Error(), c.want) {
				t.Errorf("error %v, want %s at %q", err, c.want, c.pointer)
			}
		})
	}
}
