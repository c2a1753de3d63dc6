package dataset_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

func iris() *dataset.Schema {
	s := dataset.Iris()
	return &s
}

func TestScan_badCSVs(t *testing.T) {
	for _, bad := range datasettest.BadCSVs() {
		t.Run(bad.Name, func(t *testing.T) {
			o := dataset.ScanOptions{Known: iris(), LabelColumn: bad.LabelColumn, MaxBytes: bad.MaxBytes}
			if bad.NewModel {
				o.Known = nil
			}
			for name, r := range map[string]io.Reader{
				"whole":       bytes.NewReader(bad.CSV),
				"byte chunks": iotest.OneByteReader(bytes.NewReader(bad.CSV)),
				"data + EOF":  iotest.DataErrReader(bytes.NewReader(bad.CSV)),
			} {
				_, err := dataset.Scan(r, o)
				if err == nil || !strings.Contains(err.Error(), bad.Want) {
					t.Fatalf("%s: error %v, want one that says %q", name, err, bad.Want)
				}
				if bad.Status == 413 {
					if !errors.Is(err, dataset.ErrTooLarge) {
						t.Errorf("%s: error %v, want ErrTooLarge", name, err)
					}
					continue
				}
				var row *dataset.RowError
				if !errors.As(err, &row) {
					t.Fatalf("%s: error %T %v, want a *RowError", name, err, err)
				}
				if row.Line != bad.Line || row.Column != bad.Column {
					t.Errorf(
						"%s: error at line %d, column %q, want line %d, column %q: %v",
						name,
						row.Line,
						row.Column,
						bad.Line,
						bad.Column,
						err,
					)
				}
			}
		})
	}
}

func TestRowError_text(t *testing.T) {
	for _, c := range []struct {
		err  dataset.RowError
		want string
	}{
		{dataset.RowError{Line: 7, Column: "a", Reason: "bad"}, `line 7, column "a": bad`},
		{dataset.RowError{Line: 7, Reason: "bad"}, "line 7: bad"},
		{dataset.RowError{Column: "a", Reason: "bad"}, `column "a": bad`},
		{dataset.RowError{Pointer: "/data/3/a", Reason: "bad"}, "/data/3/a: bad"},
		{dataset.RowError{Reason: "bad"}, "bad"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%#v: text %q, want %q", c.err, got, c.want)
		}
	}
}

func TestScan_longValuesAreCutInErrors(t *testing.T) {
	csv := "a,label\n" + strings.Repeat("€", 100) + ",x\n"
	_, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{Columns: map[string]string{"a": "numeric"}})
	want := `line 2, column "a": "` + strings.Repeat("€", 13) + `"… is not a finite number`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %v", err, want)
	}
	var header, rest strings.Builder
	for range 14 {
		header.WriteString("x")
		rest.WriteString(header.String() + ",")
	}
	_, err = dataset.Scan(strings.NewReader(rest.String()+"label\n"), dataset.ScanOptions{Known: iris()})
	if err == nil || !strings.Contains(err.Error(), `"xxxxxxxxxx" and 4 more;`) {
		t.Errorf("error %v, want ten of the fourteen columns", err)
	}
}

// small is a good file, the base of the variants below.
const small = "a,b,label\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n"

func TestScan_accepts(t *testing.T) {
	known := &dataset.Schema{
		Features: []string{"b", "a"}, Label: "kind", Classes: []string{"x", "y"},
		Aliases: map[string]string{"X": "x", "Z": "z"},
	}
	rows := [][]float64{{1, 2}, {3, 4}, {5, 6}, {7, 8}}
	swapped := [][]float64{{2, 1}, {4, 3}, {6, 5}, {8, 7}}
	for _, c := range []struct {
		name     string
		csv      string
		options  dataset.ScanOptions
		features string
		label    string
		classes  string // of the rows, separated by bars; default x|y|x|y
		rows     [][]float64
		headless bool
	}{
		{name: "plain", csv: small, features: "a b", label: "label", rows: rows},
		{name: "byte order mark", csv: "\ufeff" + small, features: "a b", label: "label", rows: rows},
		{name: "CRLF", csv: strings.ReplaceAll(small, "\n", "\r\n"), features: "a b", label: "label", rows: rows},
		{name: "no last line feed", csv: strings.TrimSuffix(small, "\n"), features: "a b", label: "label", rows: rows},
		{
			name: "empty lines", csv: "\n" + strings.ReplaceAll(small, "\n", "\r\n\n"), features: "a b", label: "label",
			rows: rows,
		},
		{
			name: "blanks and quotes", csv: "\" a\",b ,label\n 1 ,\"2\",x\n\t3,4\t,y\n5,6,\"x\"\n7,8,y\n",
			features: "a b", label: "label", rows: rows,
		},
		{
			name: "forms of numbers", csv: "a,b,label\n+1,2.,x\n03,.4e1,y\n50E-1,6e+0,x\n7.000000000000000000000,8,y\n",
			features: "a b", label: "label", rows: rows,
		},
		{
			name: "labels without blanks around them", csv: "a,label\n1,\" x\"\n3,x\n5,X \n7,X \n1, x\n3,x\n",
			features: "a", label: "label", classes: "x|x|X|X|x|x", rows: [][]float64{{1}, {3}, {5}, {7}, {1}, {3}},
		},
		{
			name: "label column named", csv: "label,a,b\nx,1,2\ny,3,4\nx,5,6\ny,7,8\n",
			options:  dataset.ScanOptions{LabelColumn: "label"},
			features: "a b", label: "label", rows: rows,
		},
		{
			name: "label column of the model", csv: "kind,a,b\nx,1,2\ny,3,4\nx,5,6\ny,7,8\n",
			options:  dataset.ScanOptions{Known: known},
			features: "b a", label: "kind", rows: swapped,
		},
		{
			name: "features in the model's order", csv: small, options: dataset.ScanOptions{Known: known},
			features: "b a", label: "label", rows: swapped,
		},
		{
			name: "aliases of the model", csv: strings.Replace(small, "x", "X", 1), options: dataset.ScanOptions{Known: known},
			features: "b a", label: "label", rows: swapped,
		},
		{
			name: "no aliases without a model", csv: strings.ReplaceAll(small, "x", "X"),
			features: "a b", label: "label", classes: "X|y|X|y", rows: rows,
		},
		{
			name: "no header", csv: "1,2,x\n3,4,y\n5,6,x\n7,8,y\n", options: dataset.ScanOptions{Known: known},
			features: "b a", label: "kind", rows: rows, headless: true,
		},
		{
			name: "no header and numeric classes", csv: "1,2,0\n3,4,1\n5,6,0\n7,8,1\n",
			options:  dataset.ScanOptions{Known: known, LabelColumn: "kind"},
			features: "b a", label: "kind", classes: "0|1|0|1", rows: rows, headless: true,
		},
		{
			name: "schema change", csv: "c," + strings.ReplaceAll(small, "\n", "\n9,"), features: "c a b", label: "label",
			options: dataset.ScanOptions{Known: known, AllowSchemaChange: true},
			rows:    [][]float64{{9, 1, 2}, {9, 3, 4}, {9, 5, 6}, {9, 7, 8}},
		},
		{
			name: "an allowed change that does not happen", csv: small,
			options:  dataset.ScanOptions{Known: known, AllowSchemaChange: true},
			features: "b a", label: "label", rows: swapped,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.csv = strings.TrimSuffix(c.csv, "9,")
			if c.classes == "" {
				c.classes = "x|y|x|y"
			}
			table, got, err := dataset.Read(strings.NewReader(c.csv), c.options)
			if err != nil {
				t.Fatal(err)
			}
			var rows [][]float64
			var classes []string
			for i := range table.Rows() {
				rows = append(rows, table.Row(i))
				classes = append(classes, got.Schema.Classes[table.Y[i]])
			}
			if features := strings.Join(got.Schema.Features, " "); features != c.features {
				t.Errorf("features %q, want %q", features, c.features)
			}
			if got := strings.Join(classes, "|"); got != c.classes {
				t.Errorf("classes of the rows %q, want %q", got, c.classes)
			}
			slices.Sort(classes)
			if want := slices.Compact(classes); !slices.Equal(got.Schema.Classes, want) {
				t.Errorf("classes %q, want %q", got.Schema.Classes, want)
			}
			if got.Schema.Label != c.label || got.Header == c.headless || got.Bytes != int64(len(c.csv)) {
				t.Errorf(
					"label %q, header %v, %d bytes, want %q, %v, %d",
					got.Schema.Label,
					got.Header,
					got.Bytes,
					c.label,
					!c.headless,
					len(c.csv),
				)
			}
			if !reflect.DeepEqual(rows, c.rows) {
				t.Errorf("rows %v, want %v", rows, c.rows)
			}
		})
	}
}

func TestScan_summary(t *testing.T) {
	got, err := dataset.Scan(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := dataset.Profile{
		Rows: 150,
		Columns: []dataset.ColumnProfile{
			{Name: "sepal_length", Min: 4.3, Max: 7.9, Mean: 5.843333, Std: 0.825301, Histogram: dataset.Histogram{
				Start:  4.25,
				Width:  0.125,
				Counts: []int{1, 3, 5, 2, 5, 6, 19, 4, 1, 6, 13, 8, 7, 3, 12, 4, 9, 7, 7, 8, 3, 4, 2, 3, 1, 1, 1, 4, 0, 1},
			}},
			{Name: "sepal_width", Min: 2, Max: 4.4, Mean: 3.057333, Std: 0.434411, Histogram: dataset.Histogram{
				Start: 2, Width: 0.125, Counts: []int{1, 3, 4, 3, 13, 9, 14, 10, 37, 13, 6, 12, 10, 3, 6, 2, 2, 1, 0, 1},
			}},
			{Name: "petal_length", Min: 1, Max: 6.9, Mean: 3.758, Std: 1.759404, Histogram: dataset.Histogram{
				Start: 1, Width: 0.25, Counts: []int{4, 20, 24, 2, 0, 0, 0, 0, 1, 2, 4, 4, 12, 6, 16, 9, 14, 4, 12, 5, 5, 2, 3, 1},
			}},
			{Name: "petal_width", Min: 0.1, Max: 2.5, Mean: 1.199333, Std: 0.759693, Histogram: dataset.Histogram{
				Start: 0, Width: 0.125, Counts: []int{5, 29, 7, 7, 2, 0, 0, 0, 10, 5, 13, 8, 16, 2, 12, 5, 12, 3, 8, 3, 3},
			}},
		},
		Classes: []dataset.ClassCount{
			{Class: "setosa", Rows: 50},
			{Class: "versicolor", Rows: 50},
			{Class: "virginica", Rows: 50},
		},
	}
	for i, c := range got.Profile.Columns {
		if math.Abs(c.Mean-want.Columns[i].Mean) > 1e-6 {
			t.Errorf("mean of %s is %v, want %v", c.Name, c.Mean, want.Columns[i].Mean)
		}
		if math.Abs(c.Std-want.Columns[i].Std) > 1e-6 {
			t.Errorf("standard deviation of %s is %v, want %v", c.Name, c.Std, want.Columns[i].Std)
		}
		want.Columns[i].Mean, want.Columns[i].Std = c.Mean, c.Std
	}
	if !reflect.DeepEqual(got.Profile, want) {
		t.Errorf("profile %+v, want %+v", got.Profile, want)
	}
	if got.Schema.Aliases != nil {
		t.Errorf("aliases %v of an unknown model, want none", got.Schema.Aliases)
	}
}

func TestScan_profileOfExtremeValues(t *testing.T) {
	csv := "big,exact,negative,label\n1e150,0.1,-1,x\n-1e150,0.1,-2,x\n1e150,0.1,-3,y\n-1e150,0.1,-0,y\n"
	got, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	columns := got.Profile.Columns
	if m := columns[0].Mean; math.Abs(m) > 1e135 {
		t.Errorf("mean %v, want about 0 for the range", m)
	}
	if columns[1].Mean != 0.1 {
		t.Errorf("mean %v of equal values, want 0.1", columns[1].Mean)
	}
	if c := columns[2]; c.Min != -3 || c.Max != 0 || math.Signbit(c.Max) || math.Abs(c.Mean+1.5) > 1e-15 {
		t.Errorf("profile %+v, want -3 to 0 (not -0), mean -1.5", c)
	}
}

func TestScan_aliasesKept(t *testing.T) {
	csv := strings.ReplaceAll(string(dataset.IrisCSV()), "virginica", "unknown")
	got, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{Known: iris()})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Iris-setosa": "setosa", "Iris-versicolor": "versicolor"}
	if !maps.Equal(got.Schema.Aliases, want) {
		t.Errorf("aliases %v, want those of the classes in the file: %v", got.Schema.Aliases, want)
	}
}

func TestScan_uciIris(t *testing.T) {
	uci := datasettest.UCIIris()
	for name, csv := range map[string][]byte{
		"LF":   uci,
		"CRLF": bytes.ReplaceAll(uci, []byte("\n"), []byte("\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			got, summary, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{Known: iris()})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(summary.Schema, dataset.Iris()) || summary.Header {
				t.Errorf("schema %+v, header %v, want the schema of the bundled data, false", summary.Schema, summary.Header)
			}
			ours, _, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Y, ours.Y) {
				t.Error("the classes differ from those of the bundled data")
			}
			var differing []int
			for i := range got.Rows() {
				if !slices.Equal(got.Row(i), ours.Row(i)) {
					differing = append(differing, i)
				}
			}
			if !slices.Equal(differing, []int{34, 37}) {
				t.Errorf("rows %v differ from the bundled data, want 34 and 37", differing)
			}
		})
	}
}

func TestScan_maxBytes(t *testing.T) {
	size := int64(len(small))
	if _, err := dataset.Scan(strings.NewReader(small), dataset.ScanOptions{MaxBytes: size}); err != nil {
		t.Errorf("a file of exactly MaxBytes: %v", err)
	}
	_, err := dataset.Scan(strings.NewReader(small), dataset.ScanOptions{MaxBytes: size - 1})
	if !errors.Is(err, dataset.ErrTooLarge) {
		t.Errorf("a file of MaxBytes + 1: error %v, want ErrTooLarge", err)
	}
	_, err = dataset.Scan(strings.NewReader("a,b,label\n1,x\n3,4,y\n5,6,x\n"), dataset.ScanOptions{MaxBytes: 20})
	var row *dataset.RowError
	if !errors.As(err, &row) || row.Line != 2 {
		t.Errorf("a bad row within MaxBytes: error %v, want it first", err)
	}
}

func TestScan_otherErrors(t *testing.T) {
	broken := errors.New("connection lost")
	_, err := dataset.Scan(io.MultiReader(strings.NewReader(small), iotest.ErrReader(broken)), dataset.ScanOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want the error of the reader", err)
	}
	// Truncated inside quotes: the cause is the error of the reader, not the open quote.
	_, err = dataset.Scan(
		io.MultiReader(strings.NewReader("a,label\n1,\"x"), iotest.ErrReader(io.ErrUnexpectedEOF)),
		dataset.ScanOptions{},
	)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want the error of the reader", err)
	}
	// A wrapped io.EOF is not the end of the file.
	_, err = dataset.Scan(
		io.MultiReader(strings.NewReader(small), iotest.ErrReader(wrapped{io.EOF})),
		dataset.ScanOptions{},
	)
	if !errors.As(err, new(wrapped)) {
		t.Errorf("error %v, want the error of the reader", err)
	}
	schema := dataset.Schema{Features: []string{"a", "b"}, Label: "label", Classes: []string{"x", "y"}}
	calls := 0
	stop := func([]float64, int) error { calls++; return broken }
	err = dataset.Each(strings.NewReader(small), dataset.ScanOptions{Schema: &schema}, stop)
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("error %v after %d rows, want that of the function after the first row", err, calls)
	}
}

type wrapped struct{ error }

func (w wrapped) Unwrap() error { return w.error }
