package dataset_test

import (
	"bytes"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// read returns the table of a good CSV.
func read(t testing.TB, csv []byte) *dataset.Table {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestRead(t *testing.T) {
	// z comes first in the file, and last among the classes.
	csv := "b,a,label\n1,2,z\n3,4,m\n5,6,a\n7,8,z\n9,10,m\n11,12,a\n"
	table, summary, err := dataset.Read(strings.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := &dataset.Table{
		Schema: dataset.Schema{Features: []string{"b", "a"}, Label: "label", Classes: []string{"a", "m", "z"}},
		X:      []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		Y:      []int{2, 1, 0, 2, 1, 0},
	}
	if !reflect.DeepEqual(table, want) {
		t.Errorf("table %+v, want %+v", table, want)
	}
	if !reflect.DeepEqual(summary.Schema, want.Schema) || summary.Profile.Rows != 6 {
		t.Errorf("summary %+v, want the table's schema and 6 rows", summary)
	}
	if _, _, err := dataset.Read(strings.NewReader(""), dataset.ScanOptions{}); err == nil {
		t.Error("an empty file was read")
	}
}

// TestRead_memory reads one-digit cells, which take two bytes in a file and eight in a table.
func TestRead_memory(t *testing.T) {
	const rows, features = 50_000, 20
	csv := "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,label\n" + strings.Repeat(
		strings.Repeat("1,", features)+"a\n"+strings.Repeat("2,", features)+"b\n",
		rows/2,
	)
	for _, c := range []struct {
		name string
		kept int
		keep func([]float64) bool
	}{
		{"all rows", rows, nil},
		{"half of the rows", rows / 2, func(x []float64) bool { return x[0] == 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			table, _, err := dataset.Read(strings.NewReader(csv), dataset.ScanOptions{Rows: c.kept, Keep: c.keep})
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if table.Rows() != c.kept {
				t.Fatalf("%d rows, want %d", table.Rows(), c.kept)
			}
			// Garbage of encoding/csv is the text of the file.
			took, limit := after.TotalAlloc-before.TotalAlloc-uint64(len(csv)), uint64(c.kept*(features+1)*8*5/4)
			if took > limit {
				t.Errorf("%d bytes allocated beside the text, want at most %d", took, limit)
			}
		})
	}
}

func TestRead_rowsAreAHint(t *testing.T) {
	whole := read(t, datasettest.Iris())
	for _, rows := range []int{0, 1, 149, 150, 1000} {
		table, _, err := dataset.Read(bytes.NewReader(datasettest.Iris()), dataset.ScanOptions{Rows: rows})
		if err != nil || !reflect.DeepEqual(table, whole) {
			t.Errorf("with a hint of %d rows: %v and another table than without", rows, err)
		}
	}
}

func TestRead_keeps(t *testing.T) {
	whole := read(t, datasettest.Iris())
	keep := func(x []float64) bool { return x[0] < 5 }
	var kept, dropped []int
	for row := range whole.Rows() {
		if keep(whole.Row(row)) {
			kept = append(kept, row)
		} else {
			dropped = append(dropped, row)
		}
	}
	table, summary, err := dataset.Read(bytes.NewReader(datasettest.Iris()), dataset.ScanOptions{Keep: keep})
	if err != nil || summary.Profile.Rows != 150 {
		t.Fatalf("summary of %d rows, %v, want that of all 150", summary.Profile.Rows, err)
	}
	if !reflect.DeepEqual(table, whole.Subset(kept)) {
		t.Error("Read kept other rows than those that Keep accepts")
	}
	want := whole.Subset(dropped)
	whole.Keep(dropped)
	if !reflect.DeepEqual(whole, want) {
		t.Error("Keep and Subset differ")
	}
}

func TestTable_rows(t *testing.T) {
	table := read(t, datasettest.Iris())
	table.Codes = []int{0, 0, 0, 7}
	if table.Rows() != 150 || !slices.Equal(table.Row(149), []float64{5.9, 3, 5.1, 1.8}) {
		t.Errorf("%d rows, the last %v, want 150 and 5.9 3 5.1 1.8", table.Rows(), table.Row(table.Rows()-1))
	}
	sub := table.Subset([]int{149, 0})
	if sub.Rows() != 2 || !slices.Equal(sub.Row(0), table.Row(149)) || !slices.Equal(sub.Row(1), table.Row(0)) {
		t.Errorf("subset %v, want rows 149 and 0", sub.X)
	}
	if !slices.Equal(sub.Y, []int{2, 0}) || len(sub.Schema.Classes) != 3 {
		t.Errorf("subset's classes %v of %v, want 2 and 0 of three", sub.Y, sub.Schema.Classes)
	}
	if !slices.Equal(sub.Codes, table.Codes) {
		t.Errorf("subset's codes %v, want those of the table, %v", sub.Codes, table.Codes)
	}
	sub.X[0] = -1
	if table.Row(149)[0] != 5.9 {
		t.Error("the subset shares its values with the table")
	}
	_ = append(table.Row(0), 42) // must not reach row 1
	if table.Row(1)[0] != 4.9 {
		t.Error("appending to a row overwrote the next one")
	}
}

func TestIris(t *testing.T) {
	table, summary, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{Known: iris()})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(summary.Schema, dataset.Iris()) || !summary.Header {
		t.Errorf("the bundled data has schema %+v, header %v, want %+v, true", summary.Schema, summary.Header, dataset.Iris())
	}
	numbered := read(t, datasettest.Iris())
	if !slices.Equal(table.X, numbered.X) || !slices.Equal(table.Y, numbered.Y) {
		t.Error("the bundled data differs from the data of the tests")
	}

	changed := dataset.Iris()
	changed.Aliases["Iris-setosa"], changed.Features[0] = "virginica", "x"
	if again := dataset.Iris(); again.Aliases["Iris-setosa"] != "setosa" || again.Features[0] != "sepal_length" {
		t.Error("a caller changed the schema of all others")
	}
}

func TestSchema_same(t *testing.T) {
	base := dataset.Schema{Features: []string{"a", "b"}, Classes: []string{"x", "y"}}
	for _, c := range []struct {
		name              string
		other             dataset.Schema
		features, classes bool
	}{
		{"itself", base, true, true},
		{"another order", dataset.Schema{Features: []string{"b", "a"}, Classes: []string{"x", "y"}, Label: "z"}, true, true},
		{"other names", dataset.Schema{Features: []string{"a", "B"}, Classes: []string{"x", "z"}}, false, false},
		{"more", dataset.Schema{Features: []string{"a", "b", "c"}, Classes: []string{"x", "y", "z"}}, false, false},
		{"fewer", dataset.Schema{Features: []string{"a"}, Classes: []string{"x"}}, false, false},
	} {
		if got := base.SameFeatures(c.other); got != c.features {
			t.Errorf("%s: SameFeatures = %v, want %v", c.name, got, c.features)
		}
		if got := base.SameClasses(c.other); got != c.classes {
			t.Errorf("%s: SameClasses = %v, want %v", c.name, got, c.classes)
		}
	}
	if base.Features[0] != "a" {
		t.Error("comparing sorted the schema's own features")
	}
}
