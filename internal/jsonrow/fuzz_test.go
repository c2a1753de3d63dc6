package jsonrow_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// fuzzFeatures are names that are easy to get wrong.
var fuzzFeatures = []string{"a", "A", "a/b~", "é", "\ufffd", "\""}

// decodeRow is DecodeRow by means of encoding/json. The string is the pointer of the first mistake, "-" when there is
// none.
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
	for _, more := range []string{
		"}", `,"x":[{"a":[]}],"y":{},"a":1}`, `,"a":null}`, `,"x":"\ud83d\ude00\n"}`, "} ", "}x", ",}",
	} {
		f.Add([]byte(full + more))
	}
	for _, c := range badJSON {
		if len(c.body) < 1<<10 {
			f.Add([]byte(c.body))
		}
	}
	for _, text := range []string{
		`{"a":1e999}`, `{"a":"3.5"}`, `{"a":true}`, `[{}]`, `{"\uD800\uD800":1}`, `{"\uD800\u0041":1}`,
	} {
		f.Add([]byte(text))
	}
	decoder := jsonrow.NewDecoder(fuzzFeatures)

	f.Fuzz(func(t *testing.T, data []byte) {
		got := make([]float64, len(fuzzFeatures))
		err := decoder.DecodeRow(data, got)
		checkDecoded(t, data, data, got, err, "")

		// The same as the second row of an array.
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
	})
}

// checkDecoded compares what became of a row within a document with what encoding/json makes of it. That takes invalid
// UTF-8 for U+FFFD and ten times our depth, both of which we refuse.
func checkDecoded(t *testing.T, document, data []byte, got []float64, err error, prefix string) {
	t.Helper()
	var syntax *jsonrow.SyntaxError
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
