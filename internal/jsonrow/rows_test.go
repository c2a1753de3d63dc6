package jsonrow_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

var abDecoder = jsonrow.NewDecoder([]string{"a", "b"})

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
		var syntax *jsonrow.SyntaxError
		if _, err := abDecoder.DecodeRows([]byte(body), func([]float64) error { return nil }); !errors.As(err, &syntax) {
			t.Errorf("%s: error %T %v, want a *SyntaxError", name, err, err)
		}
	}

	stop := &dataset.RowError{Reason: "enough"} // a callback may also return a RowError
	n, err := abDecoder.DecodeRows([]byte(`[{"a":1,"b":2},{"a":1,"b":2},broken`), func(x []float64) error { return stop })
	if !errors.Is(err, stop) || n != 0 {
		t.Errorf("%d rows, error %v, want the error of the callback after the first row", n, err)
	}
}
