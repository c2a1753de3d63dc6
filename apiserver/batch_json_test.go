package apiserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
	"iris/internal/rows"
)

func TestParseBatchBody_accepts(t *testing.T) {
	for _, c := range []struct{ name, body, model, data string }{
		{"rows only", `{"data":[{"a":1}]}`, "", `[{"a":1}]`},
		{"with a model", ` { "model_id" : "models:/iris/3" , "data" : [ ] } `, "models:/iris/3", `[ ]`},
		{"model after the rows", `{"data":[1,2],"model_id":"3"}`, "3", `[1,2]`},
		{"escapes", `{"d\u0061ta":[],"model\u005fid":"runs:\/x\u002fmod\u00e9l"}`, "runs:/x/modél", `[]`},
		{"extra fields", `{"x":{"data":1},"y":[],"y":null,"Data":7,"data":[],"MODEL_ID":7}`, "", `[]`},
		{"no name for the model", `{"model_id":"","data":[]}`, "", `[]`},
		{"the rows aren't looked at yet", `{"data":{"a":"x"}}`, "", `{"a":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseBatchBody([]byte(c.body))
			if err != nil || got.ModelID != c.model || string(got.Data) != c.data {
				t.Errorf("model %q, data %s, error %v, want %q, %s", got.ModelID, got.Data, err, c.model, c.data)
			}
		})
	}
}

func TestParseBatchBody_others(t *testing.T) {
	got, err := parseBatchBody(
		[]byte(`{"output":"csv","model_id":"3","x":{"data":1},"k\u0065y":[ 1 ] ,"output":null}`),
	)
	want := []member{
		{Name: "output", Value: []byte(`"csv"`)},
		{Name: "x", Value: []byte(`{"data":1}`)},
		{Name: "key", Value: []byte(`[ 1 ]`)},
		{Name: "output", Value: []byte("null")},
	}
	if err != nil || got.Data != nil || !reflect.DeepEqual(got.Others, want) {
		t.Errorf("got %s, data %s, error %v, want %s and no data", got.Others, got.Data, err, want)
	}
}

func TestParseBatchBody_badRequests(t *testing.T) {
	for _, c := range []struct{ name, body, pointer, want string }{
		{"rows twice", `{"data":[],"data":[]}`, "/data", "given twice"},
		{"model twice", `{"model_id":"","model_id":"","data":[]}`, "/model_id", "given twice"},
		{"a number for the model", `{"model_id":3,"data":[]}`, "/model_id", "a number, want a string"},
		{"null for the model", `{"model_id":null,"data":[]}`, "/model_id", "null, want a string"},
		{"the rows alone", `[{"a":1}]`, "", "an array, want an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseBatchBody([]byte(c.body))
			want := &dataset.RowError{Pointer: c.pointer, Reason: c.want}
			if !reflect.DeepEqual(err, want) {
				t.Errorf("error %#v, want %#v", err, want)
			}
		})
	}
	for name, body := range map[string]string{
		"empty":             " \n",
		"cut":               `{"a":1`,
		"a comma too many":  `{"a":1,}`,
		"trailing bytes":    `{"a":1} {}`,
		"NaN":               `{"a":NaN}`,
		"not UTF-8":         "{\"x\":\"a\xff\"}",
		"a byte order mark": "\ufeff{}",
		"too deep":          `{"x":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`,
		"broken model":      `{"model_id":"\x","data":[]}`,
		"broken data":       `{"data":[1,2}`,
		"broken later":      `{"data":[],"data":[],"x":}`,
	} {
		var syntax *jsonrow.SyntaxError
		if _, err := parseBatchBody([]byte(body)); !errors.As(err, &syntax) {
			t.Errorf("%s: error %T %v, want a *SyntaxError", name, err, err)
		}
	}
}

// Each row is decoded once: its numbers and keys are written as strconv and the rules of CSV want them.
func TestRowsCSV(t *testing.T) {
	columns := rows.Columns{Features: []string{"a", "b,c"}, Keys: []string{"id", "a", "k"}}
	const data = `[{"k":null,"id":"x,\"y\"","b,c":1.50,"a":-0.0,"skipped":{"id":[1]}},` +
		`{"id":1,"id":17.50,"a":1e2,"b,c":1000000,"k":true}]`
	const want = "a,\"b,c\",id,k\n-0,1.5,\"x,\"\"y\"\"\",\n100,1e+06,17.50,true\n"
	got, n, err := rowsCSV(columns, []byte(data))
	if err != nil || n != 2 || string(got) != want {
		t.Errorf("got %q, %d rows (%v), want %q", got, n, err, want)
	}
	for data, want := range map[string]string{
		`[{"a":1,"b,c":2,"k":3}]`:                        "/data/0/id: is missing",
		`[{"a":1,"b,c":2,"k":3,"id":1},{"a":1,"b,c":2}]`: "/data/1/id: is missing",
		`[{"a":1,"id":1,"k":{}}]`:                        "/data/0/b,c: missing",
		`[{"a":1,"b,c":2,"id":1,"k":{}}]`:                "/data/0/k: is neither text nor a number",
	} {
		if _, _, err := rowsCSV(columns, []byte(data)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", data, err, want)
		}
	}
}

// FuzzParseBatchBody checks that encoding/json accepts what parseBatchBody accepts, and that the rows are unchanged.
func FuzzParseBatchBody(f *testing.F) {
	for _, rows := range []string{`[{"a":1}]`, `null`, `{"a":"\ud83d"}`, `[1,2}`, "\"\xff\"", `[]}`, `[],"x":[]`} {
		f.Add([]byte(rows))
	}
	f.Fuzz(func(t *testing.T, rows []byte) {
		body := slices.Concat([]byte(`{"data":`), rows, []byte("}"))
		parsed, err := parseBatchBody(body)
		var syntax *jsonrow.SyntaxError
		if valid := json.Valid(body) && utf8.Valid(body); valid && err == nil {
			if json.Valid(rows) && !bytes.Equal(parsed.Data, bytes.TrimSpace(rows)) {
				t.Fatalf("data %q, want %q", parsed.Data, rows)
			}
		} else if !valid && !errors.As(err, &syntax) {
			t.Fatalf("error %v, want a *SyntaxError", err)
		}
	})
}
