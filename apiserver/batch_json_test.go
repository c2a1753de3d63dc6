package apiserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/jsonrow"
	"iris/internal/rows"
	"iris/internal/scores"
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
	got, n, err := rowsCSV(columns, dataset.Schema{}, []byte(data))
	if err != nil || n != 2 || string(got) != want {
		t.Errorf("got %q, %d rows (%v), want %q", got, n, err, want)
	}
	for data, want := range map[string]string{
		`[{"a":1,"b,c":2,"k":3}]`:                        "/data/0/id: is missing",
		`[{"a":1,"b,c":2,"k":3,"id":1},{"a":1,"b,c":2}]`: "/data/1/id: is missing",
		`[{"a":1,"id":1,"k":{}}]`:                        "/data/0/b,c: missing",
		`[{"a":1,"b,c":2,"id":1,"k":{}}]`:                "/data/0/k: is neither text nor a number",
	} {
		if _, _, err := rowsCSV(columns, dataset.Schema{}, []byte(data)); err == nil || err.Error() != want {
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

// What a batch reads from the CSV of JSON rows is what the rows have.
func TestRowsCSV_kinds(t *testing.T) {
	schema := datasettest.Visits()
	cells := dataset.NewCells(schema)
	columns := rows.Columns{Features: schema.Features, Keys: []string{"id"}, Cells: cells}
	const data = `[{"age":31.50,"fare":null,"member":true,"city":3,"zip":"01234","since":1.5,"id":1},` +
		`{"age":"4e1","fare":"7.5","member":"no","city":"Ro,me","zip":7,"since":"1970-01-03","id":2},` +
		`{"age":1,"member":0,"city":true,"zip":1.50,"since":20000.123456,"id":3},` +
		`{"age":true,"member":1.0,"city":null,"id":4}]`
	got, n, err := rowsCSV(columns, schema, []byte(data))
	if err != nil || n != 4 {
		t.Fatalf("%d rows, %v", n, err)
	}
	var want [][]float64
	_, err = jsonrow.NewCellDecoder(schema.Features, cells).DecodeRows([]byte(data), func(x []float64) error {
		want = append(want, slices.Clone(x))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cuts, err := rows.Cut(bytes.NewReader(got), scores.CSV, columns, 1<<20, func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	shard := cuts.Shards[0]
	block := rows.NewBlock(columns)
	err = rows.NewCSV(bytes.NewReader(got[shard.Offset:]), columns, cuts.Header, shard.Line).Read(block)
	if err != nil || block.Rows != 4 || len(block.Bad) > 0 {
		t.Fatalf("%s: %d rows, %v, %v", got, block.Rows, block.Bad, err)
	}
	for i, row := range want {
		x := block.X[i*len(row) : (i+1)*len(row)]
		for j := range row {
			if d := math.Abs(x[j] - row[j]); d > 1e-9 || math.IsNaN(x[j]) != math.IsNaN(row[j]) {
				t.Errorf("row %d, %s: %v, want %v\n%s", i, schema.Features[j], x[j], row[j], got)
			}
		}
	}
	one := dataset.Schema{Features: []string{"a"}, Columns: []dataset.Column{{Missing: true}}}
	columns = rows.Columns{Features: one.Features, Cells: dataset.NewCells(one)}
	if got, _, err := rowsCSV(columns, one, []byte(`[{"a":null},{}]`)); string(got) != "a\n\"\"\n\"\"\n" || err != nil {
		t.Errorf("%q, %v; want two rows of a missing value", got, err)
	}
}

// Texts of JSON rows are the same texts in the CSV.
func TestRowsCSV_text(t *testing.T) {
	schema := dataset.Schema{
		Features: []string{"review"}, Columns: []dataset.Column{{Kind: dataset.Text, Missing: true}},
	}
	columns := rows.Columns{Features: schema.Features, Cells: dataset.NewCells(schema)}
	const data = `[{"review":" Cold, \"soup\"\nand\r\nmore "},{"review":null},` +
		`{"review":1.50},{"review":true},{"review":"é"}]`
	const want = "review\n\" Cold, \"\"soup\"\"\nand\r\nmore \"\n\"\"\n1.50\ntrue\né\n"
	if got, n, err := rowsCSV(columns, schema, []byte(data)); string(got) != want || n != 5 || err != nil {
		t.Errorf("%d rows, %v: %q, want %q", n, err, got, want)
	}
}
