package dataset_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
)

var abDecoder = dataset.NewRowDecoder([]string{"a", "b"})

func TestParseBatchRequest_accepts(t *testing.T) {
	for _, c := range []struct{ name, body, model, data string }{
		{"rows only", `{"data":[{"a":1}]}`, "", `[{"a":1}]`},
		{"with a model", ` { "model_id" : "models:/iris/3" , "data" : [ ] } `, "models:/iris/3", `[ ]`},
		{"model behind the rows", `{"data":[1,2],"model_id":"3"}`, "3", `[1,2]`},
		{"escapes", `{"d\u0061ta":[],"model\u005fid":"runs:\/x\u002fmod\u00e9l"}`, "runs:/x/modél", `[]`},
		{"extra fields", `{"x":{"data":1},"y":[],"y":null,"Data":7,"data":[],"MODEL_ID":7}`, "", `[]`},
		{"no name for the model", `{"model_id":"","data":[]}`, "", `[]`},
		{"the rows aren't looked at yet", `{"data":{"a":"x"}}`, "", `{"a":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := dataset.ParseBatchRequest([]byte(c.body))
			if err != nil || got.ModelID != c.model || string(got.Data) != c.data {
				t.Errorf("model %q, data %s, error %v, want %q, %s", got.ModelID, got.Data, err, c.model, c.data)
			}
		})
	}
}

func TestParseBatchRequest_others(t *testing.T) {
	got, err := dataset.ParseBatchRequest(
		[]byte(`{"output":"csv","model_id":"3","x":{"data":1},"k\u0065y":[ 1 ] ,"output":null}`),
	)
	want := []dataset.Member{
		{Name: "output", Value: []byte(`"csv"`)},
		{Name: "x", Value: []byte(`{"data":1}`)},
		{Name: "key", Value: []byte(`[ 1 ]`)},
		{Name: "output", Value: []byte("null")},
	}
	if err != nil || got.Data != nil || !reflect.DeepEqual(got.Others, want) {
		t.Errorf("got %s, data %s, error %v, want %s and no data", got.Others, got.Data, err, want)
	}
}

func TestParseBatchRequest_badRequests(t *testing.T) {
	for _, c := range []struct{ name, body, pointer, want string }{
		{"rows twice", `{"data":[],"data":[]}`, "/data", "given twice"},
		{"model twice", `{"model_id":"","model_id":"","data":[]}`, "/model_id", "given twice"},
		{"a number for the model", `{"model_id":3,"data":[]}`, "/model_id", "a number, want a string"},
		{"null for the model", `{"model_id":null,"data":[]}`, "/model_id", "null, want a string"},
		{"the rows alone", `[{"a":1}]`, "", "an array, want an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := dataset.ParseBatchRequest([]byte(c.body))
			want := &dataset.RowError{Pointer: c.pointer, Reason: c.want}
			if !reflect.DeepEqual(err, want) {
				t.Errorf("error %#v, want %#v", err, want)
			}
		})
	}
	for _, c := range badJSON {
		t.Run(c.name, func(t *testing.T) {
			_, err := dataset.ParseBatchRequest([]byte(c.body))
			var syntax *dataset.SyntaxError
			if !errors.As(err, &syntax) {
				t.Errorf("error %T %v, want a *SyntaxError", err, err)
			}
		})
	}
	for name, body := range map[string]string{
		"broken model": `{"model_id":"\x","data":[]}`,
		"broken data":  `{"data":[1,2}`,
		"broken later": `{"data":[],"data":[],"x":}`,
	} {
		var syntax *dataset.SyntaxError
		if _, err := dataset.ParseBatchRequest([]byte(body)); !errors.As(err, &syntax) {
			t.Errorf("%s: error %T %v, want a *SyntaxError", name, err, err)
		}
	}
}

func TestDecodeRows_accepts(t *testing.T) {
	for name, body := range map[string]string{
		"plain":  `[{"a":1,"b":2},{"b":4,"a":3}]`,
		"blanks": " [ {\"a\":1,\"b\":2}\n,\t{\"b\":4,\"a\":3} ] ",
	} {
		var got []float64
		n, err := abDecoder.DecodeRows([]byte(body), func(x []float64) error {
			got = append(got, x...)
			return nil
		})
		if err != nil || n != 2 || !slices.Equal(got, []float64{1, 2, 3, 4}) {
			t.Errorf("%s: %d rows %v, error %v, want 1 2 and 3 4", name, n, got, err)
		}
	}
}

func TestDecodeRows_badRows(t *testing.T) {
	good := strings.Repeat(`{"a":1,"b":2},`, 3)
	for _, c := range []struct {
		name, body, pointer, want string
		rows                      int
	}{
		{"empty array", ` [ ] `, "/data", "no rows", 0},
		{"an object for the array", `{"a":1,"b":2}`, "/data", "an object, want an array", 0},
		{"null for the array", `null`, "/data", "null, want an array", 0},
		{"missing", `[` + good + `{"a":1}]`, "/data/3/b", "missing", 3},
		{"text", `[` + good + `{"a":1,"b":"2"}]`, "/data/3/b", "a string, want a number", 3},
		{"twice", `[{"a":1,"b":2,"a":1}]`, "/data/0/a", "given twice", 0},
		{"a number for a row", `[` + good + `7]`, "/data/3", "a number, want an object", 3},
		{"null for a row", `[` + good + `null,{}]`, "/data/3", "null, want an object", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := abDecoder.DecodeRows([]byte(c.body), func([]float64) error { return nil })
			want := &dataset.RowError{Pointer: c.pointer, Reason: c.want}
			if !reflect.DeepEqual(err, want) || n != c.rows {
				t.Errorf("%d rows, error %#v, want %d, %#v", n, err, c.rows, want)
			}
		})
	}
}

func TestDecodeRows_otherErrors(t *testing.T) {
	for name, body := range map[string]string{
		"empty":              ``,
		"cut":                `[{"a":1,"b":2}`,
		"cut in a row":       `[{"a":1,"b":`,
		"no comma":           `[{"a":1,"b":2} {"a":1,"b":2}]`,
		"a comma too many":   `[{"a":1,"b":2},]`,
		"trailing bytes":     `[{"a":1,"b":2}] 1`,
		"broken after a bad": `[{"a":1},{]`,
	} {
		var syntax *dataset.SyntaxError
		if _, err := abDecoder.DecodeRows([]byte(body), func([]float64) error { return nil }); !errors.As(err, &syntax) {
			t.Errorf("%s: error %T %v, want a *SyntaxError", name, err, err)
		}
	}

	stop := &dataset.RowError{Reason: "enough"} // even such an error is the caller's own
	n, err := abDecoder.DecodeRows([]byte(`[{"a":1,"b":2},{"a":1,"b":2},broken`), func(x []float64) error { return stop })
	if !errors.Is(err, stop) || n != 0 {
		t.Errorf("%d rows, error %v, want that of the callback at the first", n, err)
	}
}
