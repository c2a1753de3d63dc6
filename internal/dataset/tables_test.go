package dataset_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// TestTables reads the tables in testdata/tables. A column is written as its name and kind, with ? if values may be
// missing and % if numbers are formatted, and a warning as its code and column.
func TestTables(t *testing.T) {
	header := dataset.ScanOptions{Header: dataset.HeaderTrue}
	for _, test := range []struct {
		name     string
		options  dataset.ScanOptions
		columns  string
		classes  string
		warnings string
		rows     int
		err      string
	}{
		{name: "text-column", columns: "age city:categorical income", classes: "no yes", rows: 8},
		{name: "empty-cell", columns: "age? income?", classes: "no yes", rows: 8},
		{name: "missing-words", columns: "age? income?", classes: "no yes", rows: 8},
		{name: "booleans", columns: "age member:boolean", classes: "no yes", rows: 8},
		{name: "bool-feature", columns: "x flag:boolean", classes: "a b", rows: 40},
		{name: "dates", columns: "signed_up:datetime age", classes: "no yes", rows: 8},
		{name: "label-first", columns: "bought age", classes: "1 2 3", rows: 10, warnings: "label/visits"},
		{
			name: "label-first", options: dataset.ScanOptions{LabelColumn: "bought"},
			columns: "age visits", classes: "0 1", rows: 10,
		},
		{name: "id-column", columns: "id age income", classes: "no yes", rows: 40, warnings: "id/id"},
		{
			name: "id-column", options: dataset.ScanOptions{LeaveOutIDs: true},
			columns: "age income", classes: "no yes", rows: 40, warnings: "id/id",
		},
		{name: "pandas-index", columns: "age income", classes: "no yes", rows: 8, warnings: "index/"},
		{name: "index-col-unnamed0", columns: "x y", classes: "a b", rows: 40, warnings: "index/Unnamed: 0"},
		{name: "rare-class", columns: "age income", classes: "basic plus", rows: 7, warnings: "rare_class/plan"},
		{
			name: "rare-class", options: dataset.ScanOptions{MinClassRows: 4},
			err: `line 6, column "plan": want at least two classes with 4 rows each, but these have fewer: "plus", "pro"`,
		},
		{name: "missing-label", columns: "age income", classes: "no yes", rows: 7, warnings: "no_class/bought"},
		{name: "formatted-numbers", columns: "age income% rate%", classes: "no yes", rows: 6},
		{name: "continuous-label", err: `column "price": looks like a number to be estimated, not a class`},
		{name: "float-labels", columns: "age income", classes: "0 1", rows: 8, warnings: "merged_labels/"},
		{name: "label-blanks", columns: "age", classes: "no yes", rows: 6, warnings: "merged_labels/"},
		{name: "empty-column", columns: "age income", classes: "no yes", rows: 6, warnings: "empty/notes"},
		{name: "constant-column", columns: "age country income", classes: "no yes", rows: 8, warnings: "constant/country"},
		{name: "infinite", columns: "age income?", classes: "no yes", rows: 6, warnings: "infinite/income"},
		{name: "binary-words", columns: "age smoker:boolean sex:categorical", classes: "no yes", rows: 8},
		{name: "zip-codes", columns: "zip:categorical age", classes: "no yes", rows: 6},
		{
			name: "zip-codes", options: dataset.ScanOptions{Columns: map[string]string{"zip": "ignore"}},
			columns: "age", classes: "no yes", rows: 6,
		},
		{
			name: "zip-codes", options: dataset.ScanOptions{Columns: map[string]string{"zip": "numeric"}, AllowMissing: true},
			columns: "zip? age?", classes: "no yes", rows: 6,
		},
		{
			name: "zip-codes", options: dataset.ScanOptions{Columns: map[string]string{"Zip": "numeric"}},
			err: `/columns/Zip: "Zip" is not a column of features: "zip", "age"`,
		},
		{
			name: "zip-codes", options: dataset.ScanOptions{Columns: map[string]string{"zip": "word"}},
			err: `/columns/zip: "zip" is "word", want one of [numeric boolean categorical datetime text] or ignore`,
		},
		{name: "train-numeric", columns: "age income", classes: "no yes", rows: 16},
		{name: "quoted-newline", columns: "age note:categorical? income", classes: "no yes", rows: 6},
		{name: "eight-rows", columns: "age income", classes: "no yes", rows: 8},
		{name: "max", err: `line 2, column "x": "1.7976931348623157e308" is not a finite number from -1e150 to 1e150`},
		{name: "intcols", err: "or set header=true if the names are numbers"},
		{name: "intcols", options: header, columns: "0 1", classes: "0 1", rows: 40},
		{name: "header-space", columns: "x y", classes: "a b", rows: 40},
		{name: "double-bom", columns: "x y", classes: "a b", rows: 40},
		{
			name: "score-missing", options: dataset.ScanOptions{LabelColumn: "age"},
			err: `"35", "29"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			csv, err := os.ReadFile(filepath.Join("testdata/tables", test.name+".csv"))
			if err != nil {
				t.Fatal(err)
			}
			table, summary, err := dataset.Read(bytes.NewReader(csv), test.options)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := kinds(summary.Schema); got != test.columns {
				t.Errorf("columns %s, want %s", got, test.columns)
			}
			if got := strings.Join(summary.Schema.Classes, " "); got != test.classes {
				t.Errorf("classes %s, want %s", got, test.classes)
			}
			var warnings []string
			for _, w := range summary.Warnings {
				if w.Code != dataset.CodeDuplicates && w.Code != dataset.CodeConflicts {
					warnings = append(warnings, w.Code+"/"+w.Column)
				}
			}
			if got := strings.Join(warnings, " "); got != test.warnings {
				t.Errorf("warnings %s, want %s: %v", got, test.warnings, summary.Warnings)
			}
			if table.Rows() != test.rows || summary.Profile.Rows != test.rows {
				t.Errorf("%d rows of %d, want %d", table.Rows(), summary.Profile.Rows, test.rows)
			}
			checkTable(t, table)
		})
	}
	files, err := os.ReadDir("testdata/tables")
	if err != nil || len(files) < 25 {
		t.Errorf("%d tables, error %v", len(files), err)
	}
}

// kinds writes the columns of a schema.
func kinds(s dataset.Schema) string {
	var columns []string
	for i, name := range s.Features {
		c := s.Column(i)
		if c.Kind != dataset.Numeric {
			name += ":" + string(c.Kind)
		}
		if c.Missing {
			name += "?"
		}
		if c.Formatted {
			name += "%"
		}
		columns = append(columns, name)
	}
	return strings.Join(columns, " ")
}

// checkTable checks every value of a table by the schema.
func checkTable(t *testing.T, table *dataset.Table) {
	t.Helper()
	if err := table.Schema.CheckColumns(); err != nil {
		t.Fatal(err)
	}
	for row := range table.Rows() {
		for i, v := range table.Row(row) {
			if reason := table.Schema.Column(i).CheckValue(v); reason != "" {
				t.Fatalf("row %d, feature %s: %v %s", row, table.Schema.Features[i], v, reason)
			}
		}
	}
}

// csvOf writes a table of n rows with the class in the last column, alternately a and b.
func csvOf(n int, columns ...func(row int) string) string {
	var csv strings.Builder
	for i := range columns {
		fmt.Fprintf(&csv, "c%d,", i)
	}
	csv.WriteString("kind\n")
	for row := range n {
		for _, cell := range columns {
			csv.WriteString(cell(row) + ",")
		}
		csv.WriteString(string(rune('a'+row%2)) + "\n")
	}
	return csv.String()
}

func cycle(cells ...string) func(int) string {
	return func(row int) string { return cells[row%len(cells)] }
}

// spikes writes a number in every fourth row, and the 30 numbers from another one on in the others.
func spikes(number, from int) func(int) string {
	return func(row int) string {
		if row%4 == 0 {
			return fmt.Sprint(number)
		}
		return fmt.Sprint(from + row%30)
	}
}

func TestScan_kinds(t *testing.T) {
	text := func(n int) func(int) string { return func(row int) string { return fmt.Sprintf("t%d", row%n) } }
	number := func(row int) string { return fmt.Sprint(row % 7) }
	but := func(at int, cell string) func(int) string {
		return func(row int) string {
			if row == at {
				return cell
			}
			return number(row)
		}
	}
	for _, test := range []struct {
		name   string
		column func(int) string
		want   string // kinds, or a warning's code, or an error
	}{
		{"truth values of letters", cycle("t", "f"), "c0:boolean"},
		{"only one letter", cycle("f"), "constant c0:categorical"},
		{"two pairs of truth values", cycle("true", "no"), "c0:categorical"},
		{"truth values in any case", cycle("TRUE", "false", "True"), "c0:boolean"},
		{"0 and 1", cycle("0", "1"), "c0"},
		{"days first", cycle("31/01/2024", "1/2/2024"), "c0:datetime"},
		{"months first", cycle("01/31/2024", "1/2/2024"), "c0:datetime"},
		{"points", cycle("01.02.2024", "03.04.2024"), "c0:datetime"},
		{"days or months first", cycle("01/02/2024", "03/04/2024"), "ambiguous c0:categorical"},
		{"both orders", cycle("31/01/2024", "01/31/2024"), "c0:categorical"},
		{"currency", cycle(`"$1,200"`, "900", "$3.50"), "c0%"},
		{"codes with capitals", cycle("ABC123", "ABC124"), "c0:categorical"},
		{"percent and gaps", cycle("12%", "", "13%"), "c0?%"},
		{"infinite numbers", cycle("1", "inf", "-Infinity"), "infinite c0?"},
		{"a typing error", but(7, "12o"), `line 9, column "c0": "12o" is not a finite number; give the kind`},
		{"few texts of another kind", but(7, "1e999"), `"1e999" is not a finite number from`},
		{"numbers and texts", cycle("1", "2", "x"), "c0:categorical"},
		{"another text in every row", text(500), "text c1"},
		{"half as many texts as rows", text(240), "c0:categorical"},
		{"few texts", text(200), "c0:categorical"},
		{"not UTF-8", cycle("M\xfcller", "Maier"), `column "c0": "M�ller" is not UTF-8`},
		{"zip codes, the zero late", func(row int) string { return fmt.Sprintf("%05d", 10000-row%200*20) }, "c0:categorical"},
		{"a number of other length", cycle("01234", "123456"), "c0"},
		{"zeros for no value", spikes(0, 50), "disguised c0"},
		{"999 for no value", spikes(999, 0), "disguised c0"},
		{"-1 for no value", spikes(-1, 1), "disguised c0"},
		{"zeros that are a number", spikes(0, 1), "c0"},
		{"a sequence", func(row int) string { return fmt.Sprint(1000 - row) }, "id c0"},
		{"a sequence with a gap", func(row int) string { return fmt.Sprint(row + row/499) }, "c0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			csv := csvOf(500, test.column, number)
			table, summary, err := dataset.Read(strings.NewReader(csv), dataset.ScanOptions{})
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Fatalf("error %v, want %s", err, test.want)
				}
				return
			}
			var parts []string
			for _, w := range summary.Warnings {
				if w.Code != dataset.CodeDuplicates && w.Code != dataset.CodeConflicts {
					parts = append(parts, w.Code)
				}
			}
			parts = append(parts, strings.TrimSuffix(kinds(summary.Schema), " c1"))
			if got := strings.Join(parts, " "); got != test.want {
				t.Errorf("read as %s, want %s", got, test.want)
			}
			checkTable(t, table)
		})
	}
}

func TestScan_allBadColumnsAreNamed(t *testing.T) {
	odd := func(at int, cell string) func(int) string {
		return func(row int) string {
			if row >= at && row < at+3 {
				return cell
			}
			return fmt.Sprint(row % 9)
		}
	}
	csv := csvOf(200, odd(5, "x"), cycle("1", "2"), odd(100, "12o"))
	_, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{})
	for _, want := range []string{
		"2 columns cannot be read", `line 7, column "c0": "x" is not a finite number, and 3 of 200 cells`,
		`line 102, column "c2": "12o" is`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestScan_knownKinds(t *testing.T) {
	known := &dataset.Schema{
		Features: []string{"c0", "c1"}, Label: "kind", Classes: []string{"a", "b"},
		Columns: []dataset.Column{{Kind: dataset.Categorical, Levels: []string{"x"}}, {Kind: dataset.Numeric, Missing: true}},
	}
	for _, test := range []struct {
		name    string
		columns []func(int) string
		change  bool
		want    string
	}{
		{"digits for a category, no gaps", []func(int) string{cycle("1", "2"), cycle("3")}, false, "c0:categorical c1?"},
		{"text for a number", []func(int) string{cycle("1"), cycle("x", "y")}, false, `line 2, column "c1": "x" is not`},
		{
			"text for a number, allowed",
			[]func(int) string{cycle("1"), cycle("x", "y")},
			true, "c0:categorical c1:categorical",
		},
		{
			"another column", []func(int) string{cycle("1"), cycle("2"), cycle("3", "4")}, false, `not expected "c2"`,
		},
		{
			"another column of free text",
			[]func(int) string{cycle("1"), cycle("2"), func(row int) string { return fmt.Sprint("t", row) }},
			false, "c0:categorical c1?",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			csv := csvOf(300, test.columns...)
			o := dataset.ScanOptions{Known: known, AllowSchemaChange: test.change, LeaveOutIDs: true}
			table, summary, err := dataset.Read(strings.NewReader(csv), o)
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %s", err, test.want)
				}
				return
			}
			if got := kinds(summary.Schema); got != test.want {
				t.Errorf("columns %s, want %s", got, test.want)
			}
			checkTable(t, table)
		})
	}
}

// TestScan_idsThatAreAllThereIs has tables whose features all look like identifiers, or tell nothing.
func TestScan_idsThatAreAllThereIs(t *testing.T) {
	number := func(row int) string { return fmt.Sprint(row) }
	text := func(row int) string { return fmt.Sprint("t", row) }
	turns := func(words ...string) func(int) string {
		return func(row int) string { return words[row%len(words)] }
	}
	for name, test := range map[string]struct {
		columns     []func(int) string
		want, warns string
	}{
		"one of numbers":      {[]func(int) string{number}, "c0", "may be"},
		"one of texts":        {[]func(int) string{text}, "c0:categorical", "may be"},
		"two":                 {[]func(int) string{number, text}, "c0 c1:categorical", "may be"},
		"beside a constant":   {[]func(int) string{number, turns("1")}, "c0 c1", "may be"},
		"beside another":      {[]func(int) string{number, turns("1.5", "2", "3.5")}, "c1", "left out"},
		"beside rare gaps":    {[]func(int) string{number, turns("", "1")}, "c1?", "left out"},
		"beside a known word": {[]func(int) string{number, turns("yes", "no")}, "c1:boolean", "left out"},
	} {
		t.Run(name, func(t *testing.T) {
			csv := csvOf(40, test.columns...)
			_, summary, err := dataset.Read(strings.NewReader(csv), dataset.ScanOptions{LeaveOutIDs: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := kinds(summary.Schema); got != test.want {
				t.Errorf("columns %s, want %s", got, test.want)
			}
			for _, w := range summary.Warnings {
				if w.Code == dataset.CodeID && !strings.Contains(w.Message, test.warns) {
					t.Errorf("%s %s, want a warning that says %q", w.Column, w.Message, test.warns)
				}
			}
		})
	}
}

func TestScan_labelColumn(t *testing.T) {
	number := func(row int) string { return fmt.Sprintf("%d.5", row*37%499) }
	for _, test := range []struct {
		name, csv string
		label     string
		want      string // a word of the reason or of the error
	}{
		{"the last one", "x,kind\n1,a\n2,b\n3,a\n4,b\n", "kind", "last column"},
		{"a price last", rename(csvOf(100, number, cycle("p", "q"), number), "kind", "z"), "", ""},
		{
			"the only one with few values", dropLast(csvOf(100, number, cycle("p", "q"), number)), "c1",
			`the last column, "c2", has another value in every row`,
		},
		{
			"the one with the name of a class",
			rename(dropLast(csvOf(100, cycle("u", "v"), cycle("p", "q"), number)), "c1", "target"), "target", "the last column",
		},
		{"two with few values", dropLast(csvOf(100, cycle("u", "v"), cycle("p", "q"), number)), "", "regression"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "a price last" {
				test.label, test.want = "z", "last column"
			}
			table, summary, err := dataset.Read(strings.NewReader(test.csv), dataset.ScanOptions{})
			if test.label == "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %s", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if summary.Schema.Label != test.label || !strings.Contains(summary.LabelReason, test.want) {
				t.Errorf("class column %s because %s, want %s", summary.Schema.Label, summary.LabelReason, test.label)
			}
			if len(summary.Schema.Classes) != 2 || table.Rows() != summary.Profile.Rows {
				t.Errorf("%d rows of classes %v", table.Rows(), summary.Schema.Classes)
			}
			checkTable(t, table)
		})
	}
}

// dropLast removes the last column of a CSV.
func dropLast(csv string) string {
	lines := strings.Split(strings.TrimSuffix(csv, "\n"), "\n")
	for i, line := range lines {
		lines[i] = line[:strings.LastIndexByte(line, ',')]
	}
	return strings.Join(lines, "\n") + "\n"
}

// rename gives a column of a CSV another name.
func rename(csv, from, to string) string { return strings.Replace(csv, from, to, 1) }

// TestScan_levels checks that a column with more texts than a pass remembers keeps the frequent ones.
func TestScan_levels(t *testing.T) {
	const rows = 120_000
	csv := csvOf(rows, func(row int) string {
		if row%3 > 0 {
			return fmt.Sprintf("often%d", row/3%5)
		}
		return fmt.Sprintf("rare%d", row)
	})
	summary, err := dataset.Scan(strings.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := summary.Schema.Column(0)
	if want := []string{"often0", "often1", "often2", "often3", "often4"}; !slices.Equal(got.Levels, want) {
		t.Errorf("%d levels %.100v, want %v", len(got.Levels), got.Levels, want)
	}
	if p := summary.Profile.Columns[0]; p.Distinct < rows/3*9/10 || p.Distinct > rows/3*11/10 {
		t.Errorf("%d different values, want about %d", p.Distinct, rows/3)
	}
}

// TestScan_sameKinds checks that the order of columns and rows, and blanks around cells, do not change what a table is.
func TestScan_sameKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/tables/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		csv, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(csv, "\"\ufeff") {
			continue // not to be cut at commas and line ends
		}
		want, err := dataset.Scan(bytes.NewReader(csv), dataset.ScanOptions{})
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(csv)), "\n")
		rest := lines[1:]
		r := rand.New(rand.NewPCG(1, 2))
		r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		blanks := make([]string, len(lines))
		turned := make([]string, len(lines))
		for i, line := range lines {
			cells := strings.Split(line, ",")
			blanks[i] = " " + strings.Join(cells, " , ") + "\t"
			slices.Reverse(cells)
			turned[i] = strings.Join(cells, ",")
		}
		for name, changed := range map[string][]string{"rows": lines, "blanks": blanks, "columns": turned} {
			if name == "columns" && want.Schema.Features[0] != strings.Split(lines[0], ",")[0] {
				continue // an index comes first
			}
			o := dataset.ScanOptions{LabelColumn: want.Schema.Label}
			got, err := dataset.Scan(strings.NewReader(strings.Join(changed, "\n")), o)
			if err != nil {
				t.Errorf("%s, other %s: %v", file, name, err)
				continue
			}
			a, b := strings.Fields(kinds(got.Schema)), strings.Fields(kinds(want.Schema))
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) || !slices.Equal(got.Schema.Classes, want.Schema.Classes) {
				t.Errorf("%s, other %s: columns %v of classes %v, want %v of %v",
					file, name, a, got.Schema.Classes, b, want.Schema.Classes)
			}
		}
	}
}

func TestScan_plainSchemaHasNoColumns(t *testing.T) {
	summary, err := dataset.Scan(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{MissingValues: []string{"x"}})
	if err != nil || summary.Schema.Columns != nil || summary.Schema.MissingValues != nil {
		t.Errorf("schema %+v, error %v, want one as in earlier versions", summary.Schema, err)
	}
}
