package dataset_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// FuzzScan compares what Scan accepts with encoding/csv and strconv, and checks
// that what it refuses is refused with a place in the file, however it is read.
func FuzzScan(f *testing.F) {
	for _, bad := range datasettest.BadCSVs() {
		if len(bad.CSV) < 8<<10 {
			f.Add(bad.CSV, !bad.NewModel, bad.LabelColumn)
		}
	}
	f.Add([]byte(small), false, "")
	f.Add([]byte("\ufeff"+strings.ReplaceAll(small, "\n", "\r\n")), false, "a")
	f.Add(dataset.IrisCSV()[:300], true, "species")
	f.Add(datasettest.UCIIris()[1300:1700], true, "")
	f.Add([]byte("a,\"b\n\"\"c\",label\n\"1\",2,\"x\"\"y\"\n3,4,é\n3,4,é\n3,4,\"x\"\"y\"\n"), false, "")

	f.Fuzz(func(t *testing.T, data []byte, known bool, label string) {
		o := dataset.ScanOptions{LabelColumn: label}
		if known {
			o.Known = iris()
		}
		table, summary, err := dataset.Read(bytes.NewReader(data), o)

		again, errAgain := dataset.Scan(iotest.OneByteReader(bytes.NewReader(data)), o)
		if !reflect.DeepEqual(again, summary) || (err == nil) != (errAgain == nil) ||
			(err != nil && err.Error() != errAgain.Error()) {
			t.Fatalf("in one piece: %+v, %v; byte for byte: %+v, %v", summary, err, again, errAgain)
		}
		if err != nil {
			var row *dataset.RowError
			if !errors.As(err, &row) || row.Reason == "" || row.Line < 0 || row.Line > bytes.Count(data, []byte("\n"))+1 ||
				!utf8.ValidString(row.Reason) {
				t.Fatalf("refused with %#v, want a *RowError with a line of the file", err)
			}
			return
		}

		reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
		records, err := reader.ReadAll()
		if err != nil {
			t.Fatalf("accepted what encoding/csv refuses: %v", err)
		}
		names := append(slices.Clone(summary.Schema.Features), summary.Schema.Label)
		if summary.Header {
			for i := range records[0] {
				records[0][i] = strings.Trim(records[0][i], " \t")
			}
			names, records = records[0], records[1:]
		}
		if summary.Bytes != int64(len(data)) || summary.Profile.Rows != len(records) || table.Rows() != len(records) {
			t.Fatalf("%d bytes, %d rows, want %d, %d", summary.Bytes, table.Rows(), len(data), len(records))
		}
		classes := make(map[string]int)
		for row, record := range records {
			for column, cell := range record {
				if names[column] == summary.Schema.Label {
					class := summary.Schema.Classes[table.Y[row]]
					if classes[class]++; class != cell && summary.Schema.Aliases[cell] != class {
						t.Fatalf("row %d: label %q became class %q", row, cell, class)
					}
					continue
				}
				at := slices.Index(summary.Schema.Features, names[column])
				want, err := strconv.ParseFloat(strings.Trim(cell, " \t"), 64)
				got, profile := table.Row(row)[at], summary.Profile.Columns[at]
				if err != nil || got != want || math.IsInf(got, 0) || got < profile.Min || got > profile.Max {
					t.Fatalf("row %d, %s: %q became %v, range %v to %v", row, profile.Name, cell, got, profile.Min, profile.Max)
				}
			}
		}
		for i, c := range summary.Profile.Classes {
			if c.Class != summary.Schema.Classes[i] || c.Rows != classes[c.Class] || c.Rows < 2 {
				t.Fatalf("class %q has %d rows, want %q, %d", c.Class, c.Rows, summary.Schema.Classes[i], classes[c.Class])
			}
		}
		if len(classes) < 2 || len(classes) != len(summary.Profile.Classes) || !slices.IsSorted(summary.Schema.Classes) {
			t.Fatalf("classes %v, want %v, at least two and sorted", summary.Schema.Classes, classes)
		}
	})
}

// fuzzFeatures have names that are easy to get wrong.
var fuzzFeatures = []string{"a", "A", "a/b~", "é", "\ufffd", "\""}

// decodeRow is DecodeRow by means of encoding/json. The string is the pointer of
// the first mistake, "-" when there is none.
func decodeRow(t *testing.T, data []byte) (x []float64, pointer string) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, ""
	}
	escaped := strings.NewReplacer("~", "~0", "/", "~1")
	x = make([]float64, len(fuzzFeatures))
	seen := make([]bool, len(fuzzFeatures))
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		i := slices.Index(fuzzFeatures, name.(string))
		if i < 0 {
			continue
		}
		number, ok := value.(json.Number)
		if ok {
			x[i], err = number.Float64()
		}
		if !ok || seen[i] || (err != nil && math.IsInf(x[i], 0)) {
			return nil, "/" + escaped.Replace(fuzzFeatures[i])
		}
		seen[i] = true
	}
	if i := slices.Index(seen, false); i >= 0 {
		return nil, "/" + escaped.Replace(fuzzFeatures[i])
	}
	return x, "-"
}

func FuzzRowDecoder(f *testing.F) {
	full := `{"a":1,"A":-2.5,"a/b~":3e2,"\u00e9":4e-400,"\ud800":0,"\"":6`
	for _, more := range []string{"}", `,"x":[{"a":[]}],"y":{},"a":1}`, `,"a":null}`, `,"x":"\ud83d\ude00\n"}`, "} ", "}x", ",}"} {
		f.Add([]byte(full + more))
	}
	for _, c := range badJSON {
		if len(c.body) < 1<<10 {
			f.Add([]byte(c.body))
		}
	}
	for _, text := range []string{`{"a":1e999}`, `{"a":"3.5"}`, `{"a":true}`, `[{}]`, `{"\uD800\uD800":1}`, `{"\uD800\u0041":1}`} {
		f.Add([]byte(text))
	}
	decoder := dataset.NewRowDecoder(fuzzFeatures)

	f.Fuzz(func(t *testing.T, data []byte) {
		got := make([]float64, len(fuzzFeatures))
		err := decoder.DecodeRow(data, got)
		checkDecoded(t, data, data, got, err, "")

		// The same as the second row of an array, and by way of a request.
		array := slices.Concat([]byte(`[{"a":1,"A":1,"a/b~":1,"é":1,"\ufffd":1,"\"":1},`), data, []byte("]"))
		rows, errRows := decoder.DecodeRows(array, func(x []float64) error { copy(got, x); return nil })
		if json.Valid(data) {
			if rows != 2 && errRows == nil {
				t.Fatalf("%d rows, want 2", rows)
			}
			checkDecoded(t, array, data, got, errRows, "/data/1")
			_, errArray := decoder.DecodeArray(array, func(x []float64) error { copy(got, x); return nil })
			checkDecoded(t, array, data, got, errArray, "/1")
		}
		request := slices.Concat([]byte(`{"data":`), array, []byte("}"))
		parsed, errRequest := dataset.ParseBatchRequest(request)
		var syntax *dataset.SyntaxError
		if valid := json.Valid(request) && utf8.Valid(request); valid && errRequest == nil {
			if !bytes.Equal(parsed.Data, array) && json.Valid(data) {
				t.Fatalf("data %q, want %q", parsed.Data, array)
			}
		} else if !valid && !errors.As(errRequest, &syntax) {
			t.Fatalf("error %v, want a *SyntaxError", errRequest)
		}
	})
}

// checkDecoded compares what became of a row within a document with what
// encoding/json makes of it. That takes invalid UTF-8 for U+FFFD and ten times
// our depth, both of which we refuse.
func checkDecoded(t *testing.T, document, data []byte, got []float64, err error, prefix string) {
	t.Helper()
	var syntax *dataset.SyntaxError
	var row *dataset.RowError
	if !json.Valid(data) || !utf8.Valid(data) {
		if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(document) {
			t.Fatalf("error %v, want a *SyntaxError within the document", err)
		}
		return
	}
	if errors.As(err, &syntax) && strings.HasPrefix(syntax.Reason, "nested more than") {
		return
	}
	want, pointer := decodeRow(t, data)
	switch {
	case pointer == "-":
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("row %v, error %v, want %v", got, err, want)
		}
	case !errors.As(err, &row) || row.Pointer != prefix+pointer:
		t.Fatalf("error %v, want a *RowError at %q", err, prefix+pointer)
	}
}
