package scores_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"iris/internal/scores"
)

// awkward lists texts that a format must escape.
var awkward = []string{
	"",
	"17",
	"a,b",
	`say "hi"`,
	`"`,
	`""`,
	"two\nlines",
	"cr\rlf\r\n",
	" blank ",
	"\t",
	"schön",
	"日本語",
	"💐",
	`back\slash`,
	"\x00\x1f",
	"{}",
	"null",
	strings.Repeat("long,", 300),
	"\u2028",
	`\.`,
}

func layouts() []scores.Layout {
	var all []scores.Layout
	for _, format := range scores.Formats() {
		for _, keys := range [][]string{nil, {"id"}, {"a,b", `"quoted"`, "größe", "z", "a"}} {
			for _, probabilities := range []bool{true, false} {
				all = append(all, scores.Layout{
					Format:        format,
					Keys:          keys,
					Classes:       []string{"setosa", "versi,color", `vir"ginica`, "zwölf"},
					Probabilities: probabilities,
				})
			}
		}
	}
	return all
}

func name(l scores.Layout) string {
	return fmt.Sprintf("%s/%d keys/probabilities %t", l.Format, len(l.Keys), l.Probabilities)
}

// randomRows returns rows of a layout.
func randomRows(l scores.Layout, n int, seed uint64) []scores.Row {
	random := rand.New(rand.NewPCG(seed, 1))
	rows := make([]scores.Row, n)
	for i := range rows {
		for range l.Keys {
			rows[i].Keys = append(rows[i].Keys, awkward[random.IntN(len(awkward))])
		}
		rows[i].Label = random.IntN(len(l.Classes))
		if !l.Probabilities {
			continue
		}
		for range l.Classes {
			p := random.Float64()
			switch random.IntN(4) {
			case 0:
				p = float64(random.IntN(101)) / 100
			case 1:
				p *= 1e-7
			}
			rows[i].Probabilities = append(rows[i].Probabilities, p)
		}
	}
	return rows
}

func keysOf(row scores.Row) [][]byte {
	keys := make([][]byte, len(row.Keys))
	for i, key := range row.Keys {
		keys[i] = []byte(key)
	}
	return keys
}

// written returns the bytes that a writer writes.
func written(t testing.TB, l scores.Layout, rows []scores.Row) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := l.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(keysOf(row), row.Label, row.Probabilities); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != int64(len(rows)) {
		t.Errorf("the writer counted %d rows, want %d", w.Rows(), len(rows))
	}
	return out.Bytes()
}

func newReader(l scores.Layout, data []byte) (*scores.Reader, error) {
	if l.Format == scores.Parquet {
		return l.NewParquetReader(bytes.NewReader(data), int64(len(data)))
	}
	return l.NewLineReader(bytes.NewReader(data))
}

func reader(t testing.TB, l scores.Layout, data []byte) *scores.Reader {
	t.Helper()
	r, err := newReader(l, data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readAll reads all rows.
func readAll(r *scores.Reader) ([]scores.Row, error) {
	rows := []scores.Row{}
	for {
		var row scores.Row
		switch err := r.Read(&row); {
		case errors.Is(err, io.EOF):
			return rows, r.Close()
		case err != nil:
			return rows, errors.Join(err, r.Close())
		}
		rows = append(rows, row)
	}
}

// wantRest reads the rest of the rows and compares them.
func wantRest(t testing.TB, r *scores.Reader, want []scores.Row) {
	t.Helper()
	got, err := readAll(r)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, got, want)
}

func wantRows(t testing.TB, got, want []scores.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("read %d rows, want %d", len(got), len(want))
	}
	for i, w := range want {
		if g := got[i]; !slices.Equal(g.Keys, w.Keys) || g.Label != w.Label ||
			!slices.Equal(g.Probabilities, w.Probabilities) {
			t.Fatalf("row %d is %+v, want %+v", i, g, w)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, l := range layouts() {
		t.Run(name(l), func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 1023, 1024, 3000} {
				rows := randomRows(l, n, uint64(n))
				wantRest(t, reader(t, l, written(t, l, rows)), rows)
			}
		})
	}
}

func TestSkip(t *testing.T) {
	for _, l := range layouts() {
		t.Run(name(l), func(t *testing.T) {
			rows := randomRows(l, 2500, 7)
			data := written(t, l, rows)
			for _, skip := range []int{0, 1, 63, 64, 1500, 2499, 2500, 9999} {
				r := reader(t, l, data)
				if err := r.Skip(int64(skip)); err != nil {
					t.Fatal(err)
				}
				wantRest(t, r, rows[min(skip, len(rows)):])
			}
			r := reader(t, l, data) // between rows that are read
			var row scores.Row
			at := 0
			for _, step := range []int{10, 3, 100, 1, 1000} {
				if err := errors.Join(r.Skip(int64(step)), r.Read(&row)); err != nil {
					t.Fatal(err)
				}
				at += step + 1
				wantRows(t, []scores.Row{row}, rows[at-1:at])
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOffset_isWhereAnotherReaderBegins(t *testing.T) {
	for _, l := range layouts() {
		rows := randomRows(l, 300, 3)
		data := written(t, l, rows)
		r := reader(t, l, data)
		var row scores.Row
		if err := errors.Join(r.Skip(100), r.Read(&row)); err != nil {
			t.Fatal(err)
		}
		if l.Format != scores.Parquet {
			wantRest(t, reader(t, l, data[r.Offset():]), rows[101:])
		} else if r.Offset() != 0 {
			t.Errorf("the offset in a Parquet is %d, want 0", r.Offset())
		}
	}
}

func TestHeader(t *testing.T) {
	l := scores.Layout{Format: scores.CSV, Keys: []string{"id", "a,b"}, Classes: []string{"x", `"y"`}, Probabilities: true}
	if got, want := string(l.Header()), "id,\"a,b\",label,p_x,\"p_\"\"y\"\"\"\n"; got != want {
		t.Errorf("the header is %q, want %q", got, want)
	}
	l.Format = scores.JSONL
	if got := l.Header(); got != nil {
		t.Errorf("the header of JSON Lines is %q, want none", got)
	}
}

func TestWriter_forms(t *testing.T) {
	l := scores.Layout{Keys: []string{"id"}, Classes: []string{"setosa", "virginica"}, Probabilities: true}
	row := scores.Row{Keys: []string{"a\"b\xff"}, Label: 1, Probabilities: []float64{0.04, 0.96}}
	for format, want := range map[scores.Format]string{
		scores.CSV:   "\"a\"\"b\xff\",virginica,0.04,0.96\n",
		scores.JSONL: "{\"id\":\"a\\\"b\ufffd\",\"label\":\"virginica\",\"p_setosa\":0.04,\"p_virginica\":0.96}\n",
	} {
		l.Format = format
		if got := string(written(t, l, []scores.Row{row})); got != want {
			t.Errorf("%s is %q, want %q", format, got, want)
		}
	}
	l.Format = scores.Parquet
	wantRest(t, reader(t, l, written(t, l, []scores.Row{row})), []scores.Row{{
		Keys: []string{"a\"b\ufffd"}, Label: row.Label, Probabilities: row.Probabilities,
	}})
}

func TestWriter_refusesWhatDoesNotFit(t *testing.T) {
	one := [][]byte{[]byte("k")}
	for what, row := range map[string]struct {
		keys          [][]byte
		label         int
		probabilities []float64
	}{
		"no key":            {nil, 0, []float64{1, 0}},
		"label":             {one, 2, []float64{1, 0}},
		"negative label":    {one, -1, []float64{1, 0}},
		"one probability":   {one, 0, []float64{1}},
		"not a number":      {one, 0, []float64{nan(), 0}},
		"an infinite value": {one, 0, []float64{0, inf()}},
	} {
		for _, format := range scores.Formats() {
			l := scores.Layout{Format: format, Keys: []string{"id"}, Classes: []string{"a", "b"}, Probabilities: true}
			w, err := l.NewWriter(io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(row.keys, row.label, row.probabilities)
			if err == nil || !strings.HasPrefix(err.Error(), "row 1 of the scores: ") {
				t.Errorf("%s, %s: got error %v, want one that names the row", format, what, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestCheck(t *testing.T) {
	good := scores.Layout{Format: scores.CSV, Keys: []string{"id"}, Classes: []string{"a", "b"}, Probabilities: true}
	for what, test := range map[string]struct {
		change func(*scores.Layout)
		want   string
	}{
		"format":     {func(l *scores.Layout) { l.Format = "xml" }, `"xml" is not a format of scores`},
		"no classes": {func(l *scores.Layout) { l.Classes = nil }, "there are no classes"},
		"key named label": {
			func(l *scores.Layout) { l.Keys = []string{"label"} }, `two columns of the results are named "label"`,
		},
		"key like a class": {
			func(l *scores.Layout) { l.Keys = []string{"p_b"} }, `two columns of the results are named "p_b"`,
		},
		"key twice": {
			func(l *scores.Layout) { l.Keys = []string{"x", "x"} }, `two columns of the results are named "x"`,
		},
		"key without name": {func(l *scores.Layout) { l.Keys = []string{""} }, "a key column has no name"},
	} {
		l := good
		test.change(&l)
		for by, err := range map[string]error{
			"Check": l.Check(), "NewWriter": second(l.NewWriter(io.Discard)),
			"NewLineReader":    second(l.NewLineReader(strings.NewReader(""))),
			"NewParquetReader": second(l.NewParquetReader(strings.NewReader(""), 0)),
			"NewJoiner":        second(l.NewJoiner(io.Discard)),
		} {
			if err == nil || err.Error() != test.want {
				t.Errorf("%s, %s: got error %v, want %q", what, by, err, test.want)
			}
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	labels := scores.Layout{Format: scores.CSV, Keys: []string{"p_a"}, Classes: []string{"a"}}
	if err := labels.Check(); err != nil {
		t.Errorf("a key with the name of an omitted probability: %v", err)
	}
}

func TestFormat(t *testing.T) {
	for text, want := range map[string]scores.Format{
		"": scores.CSV, "csv": scores.CSV, "jsonl": scores.JSONL, "JSONL": scores.JSONL, "parquet": scores.Parquet,
	} {
		if got, err := scores.ParseFormat(text); got != want || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	_, err := scores.ParseFormat("CSV ")
	if err == nil || err.Error() != `"CSV " is not a format: want csv, jsonl or parquet` {
		t.Errorf("got error %v, want one that names the formats", err)
	}
	for format, want := range map[scores.Format][2]string{
		scores.CSV:     {"text/csv; charset=utf-8", "csv"},
		scores.JSONL:   {"application/jsonl", "jsonl"},
		scores.Parquet: {"application/vnd.apache.parquet", "parquet"},
	} {
		if got := [2]string{format.MediaType(), format.Extension()}; got != want {
			t.Errorf("%s is %q, want %q", format, got, want)
		}
	}
}

func TestReader_badLines(t *testing.T) {
	csv := scores.Layout{Format: scores.CSV, Keys: []string{"id"}, Classes: []string{"a", "b"}, Probabilities: true}
	json := csv
	json.Format = scores.JSONL
	for _, test := range []struct {
		layout     scores.Layout
		text, want string
	}{
		{csv, "1,a,0.5", "the last line is truncated"},
		{csv, "\"1,a,0.5\n", "the last line is truncated"},
		{csv, "1,a,0.5\n", "3 values, want 4"},
		{csv, "1,a,0.5,0.5,\n", "5 values, want 4"},
		{csv, "1,c,0.5,0.5\n", `"c" is not one of the classes`},
		{csv, "1,a,0.5,x\n", `"x" is not a finite number`},
		{csv, "1,a,0.5,NaN\n", `"NaN" is not a finite number`},
		{csv, "1,a,0.5,1e999\n", `"1e999" is not a finite number`},
		{csv, "x\"\"1,a,0.5,1\n", "a quote inside an unquoted value"},
		{csv, "\"1\"x,a,0.5,1\n", "text after a quoted value"},
		{csv, strings.Repeat("x", 17<<20), "a line is longer than 16777216 bytes"},
		{json, "\n", `want "id": at ""`},
		{json, `{"id":"1","label":"a","p_a":1}` + "\n", `want "p_b": at "}"`},
		{json, `{"id":"1","label":"a","p_a":1,"p_b":0,"x":1}` + "\n", `want the end of the object at ",\"x\":1}"`},
		{json, `{"id":1,"label":"a","p_a":1,"p_b":0}` + "\n", `want a string at "1,\"label\":\"a\",\"p_a\":1,\"p_b\":0}"`},
		{json, `{"id":"1` + "\n", `a string without a closing quote at "\"1"`},
		{json, `{"id":"\x","label":"a","p_a":1,"p_b":0}` + "\n", "an invalid string"},
		{json, `{"id":"1","label":"a","p_a":1` + "\n", `want a number at "1"`},
		{json, `{"id":"1","label":"a","p_a":"1","p_b":0}` + "\n", `"\"1\"" is not a finite number`},
	} {
		var row scores.Row
		err := reader(t, test.layout, []byte(test.text)).Read(&row)
		if err == nil || !strings.HasPrefix(err.Error(), "row 1 of the scores: "+test.want) {
			t.Errorf("%s %.40q: got error %v, want %q", test.layout.Format, test.text, err, test.want)
		}
	}
	err := reader(t, csv, []byte("1,a")).Skip(1)
	if err == nil || err.Error() != "skip 1 rows of the scores: the last line is truncated" {
		t.Errorf("skip a truncated row: got error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestReader_errorOfTheReaderBelow(t *testing.T) {
	lost := errors.New("connection lost")
	l := scores.Layout{Format: scores.CSV, Classes: []string{"a"}}
	r, err := l.NewLineReader(io.MultiReader(strings.NewReader("a\na"), failing{lost}))
	if err != nil {
		t.Fatal(err)
	}
	var row scores.Row
	if err := r.Read(&row); err != nil {
		t.Fatal(err)
	}
	if err := r.Read(&row); !errors.Is(err, lost) {
		t.Errorf("got error %v, want the error of the reader", err)
	}
}

func TestWriter_errorOfTheWriterBelow(t *testing.T) {
	full := errors.New("disk full")
	for _, l := range layouts() {
		w, err := l.NewWriter(failing{full})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range randomRows(l, 10, 1) {
			err = errors.Join(err, w.Write(keysOf(row), row.Label, row.Probabilities))
		}
		if err = errors.Join(err, w.Close()); !errors.Is(err, full) {
			t.Errorf("%s: got error %v, want the error of the writer", name(l), err)
		}
	}
}

func TestReader_ofAnotherFormat(t *testing.T) {
	l := scores.Layout{Format: scores.Parquet, Classes: []string{"a"}}
	if _, err := l.NewLineReader(strings.NewReader("")); err == nil || err.Error() != "parquet does not consist of lines" {
		t.Errorf("lines of Parquet: got error %v", err)
	}
	l.Format = scores.CSV
	if _, err := l.NewParquetReader(strings.NewReader(""), 0); err == nil || err.Error() != "csv is not parquet" {
		t.Errorf("CSV as Parquet: got error %v", err)
	}
	if _, err := l.NewJoiner(io.Discard); err == nil || err.Error() != "csv is concatenated, not joined" {
		t.Errorf("join CSV: got error %v", err)
	}
}

func TestWrite_allocatesNothing(t *testing.T) {
	for _, l := range layouts() {
		if l.Format == scores.Parquet {
			continue
		}
		w, err := l.NewWriter(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		rows := randomRows(l, 100, 5)
		keys := make([][][]byte, len(rows))
		for i, row := range rows {
			keys[i] = keysOf(row)
		}
		allocations := testing.AllocsPerRun(50, func() {
			for i, row := range rows {
				if err := w.Write(keys[i], row.Label, row.Probabilities); err != nil {
					t.Fatal(err)
				}
			}
		})
		if allocations > 0 {
			t.Errorf("%s: %v allocations for 100 rows, want none", name(l), allocations)
		}
	}
}

func TestParquet_ofSeveralRowGroups(t *testing.T) {
	l := scores.Layout{Format: scores.Parquet, Probabilities: true}
	for i := range 1000 {
		l.Classes = append(l.Classes, fmt.Sprint("class ", i))
	}
	rows := randomRows(l, 3200, 1) // 1,000 numbers each: more than a row group holds
	data := written(t, l, rows)
	wantRest(t, reader(t, l, data), rows)
	r := reader(t, l, data)
	if err := r.Skip(3100); err != nil {
		t.Fatal(err)
	}
	wantRest(t, r, rows[3100:])
}
