package frame_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"iris/internal/frame"
	"iris/internal/jsonrow"
)

// FuzzFrameDecoder reads every document in every form. An error has a place or an offset, rows agree with
// encoding/json, and the same rows in another form are read the same.
func FuzzFrameDecoder(f *testing.F) {
	for _, text := range []string{
		`[{"a":1,"b":2.5},{"b":-4e1,"a":"3"}]`, `[[1,2],{"a":true,"b":" 5. "}]`, `{"a":[1,2],"b":[3,4],"x":[[],{}]}`,
		`{"a":1,"b":[2]}`,
		`{"columns":["b","x","a"],"data":[[1,"y",2]],"index":[0]}`, `{"data":[],"columns":["a","b",null]}`, "a,b\n1,2\n",
		"\ufeffb,\"a\",a\r\n1,true,\r\n",
		`[{"a":NaN,"b":-Infinity}]`, `[{"a":1,"b":[1]}]`, `{"a":[1,2],"b":[3]}`, `[{"\ud800":1,"a":1e999,"b":"inf"}]`,
		"a,b\n1,\"2\n", `[1,{}]`, `[]x`, `{"index":3,"columns":["a","b"],"data":[[1,2]]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for form := range forms {
			rows, n, err := readFrame(form, string(data))
			if n != len(rows) {
				t.Fatalf("%s: %d rows passed on, but the result is %d", form, len(rows), n)
			}
			for _, row := range rows {
				if len(row) != 2 || slices.ContainsFunc(row, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
					t.Fatalf("%s: row %v, want two finite numbers", form, row)
				}
			}
			checkFrameError(t, form, data, err)
			if form == "records" {
				checkRecords(t, data, rows, err)
			}
			if err == nil && len(rows) > 0 {
				checkOtherForms(t, rows)
			}
		}
	})
}

func checkFrameError(t *testing.T, form string, data []byte, err error) {
	t.Helper()
	var syntax *jsonrow.SyntaxError
	var fault *frame.Error
	switch {
	case err == nil:
	case errors.As(err, &syntax):
		// A document that encoding/json accepts is too deep or not UTF-8.
		if json.Valid(data) && utf8.Valid(data) && !strings.Contains(syntax.Reason, "nested more than") {
			t.Fatalf("%s: %v in good JSON %q", form, err, data)
		}
		if form == "csv" || syntax.Offset > len(data) {
			t.Fatalf("%s: %v of %d bytes", form, err, len(data))
		}
	case !errors.As(err, &fault) || fault.Reason == "" || !utf8.ValidString(fault.Reason):
		t.Fatalf("%s: %#v, want a place and a reason", form, err)
	}
}

// checkRecords compares the rows of valid JSON with those of encoding/json.
func checkRecords(t *testing.T, data []byte, rows [][]float64, err error) {
	t.Helper()
	var records []map[string]any
	if err != nil || !json.Valid(data) {
		return
	}
	if json.Unmarshal(data, &records) != nil {
		t.Fatalf("accepted %q, in which encoding/json finds no records", data)
	}
	if len(records) != len(rows) {
		t.Fatalf("%d rows, want %d", len(rows), len(records))
	}
	for i, record := range records {
		for j, name := range []string{"a", "b"} {
			number, isNumber := record[name].(float64)
			if truth, isTruth := record[name].(bool); isTruth && truth {
				number, isNumber = 1, true
			} else if isTruth {
				number, isNumber = 0, true
			}
			if _, isText := record[name].(string); !isText && (!isNumber || number != rows[i][j]) {
				t.Fatalf("row %d: %s is %v, want %v", i, name, rows[i][j], record[name])
			}
		}
	}
}

// checkOtherForms writes rows in the other forms and reads them again.
func checkOtherForms(t *testing.T, rows [][]float64) {
	t.Helper()
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	columns := map[string][]float64{}
	var table bytes.Buffer
	table.WriteString("b,a\n")
	records := []map[string]float64{}
	for _, row := range rows {
		columns["a"], columns["b"] = append(columns["a"], row[0]), append(columns["b"], row[1])
		records = append(records, map[string]float64{"a": row[0], "b": row[1]})
		fmt.Fprintf(&table, "%v,%v\n", row[1], row[0])
	}
	documents := map[string]string{
		"records": encode(records), "either": encode(rows), "columns": encode(columns), "csv": table.String(),
		"split": encode(map[string]any{"columns": []string{"a", "b"}, "data": rows}),
	}
	for _, form := range slices.Sorted(maps.Keys(documents)) {
		got, _, err := readFrame(form, documents[form])
		if err != nil || !slices.EqualFunc(got, rows, slices.Equal[[]float64]) {
			t.Fatalf("%s: %v, %v, want %v", form, got, err, rows)
		}
	}
}
