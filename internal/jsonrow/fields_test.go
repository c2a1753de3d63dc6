package jsonrow

import (
	"fmt"
	"strings"
	"testing"
)

func TestFields_find(t *testing.T) {
	f := NewFields([]string{"id", "n"})
	values := make([][]byte, 2)
	tests := map[string]struct{ text, want string }{
		"texts and numbers": {`{"n":-1.50e2,"other":{"id":1},"id":"a\tb"}`, `["a\tb" "-1.50e2"]`},
		"no text":           {`{"id":"","n":null}`, `["" ""]`},
		"the text null":     {`{"id":"null","n":0}`, `["null" "0"]`},
		"anything":          {` {"id":[1, 2],"n":true} `, `["[1, 2]" "true"]`},
		"escaped name":      {`{"\u0069d":"x","n":"\u00e9"}`, `["x" "é"]`},
		"missing":           {`{"id":1}`, `column "n": missing`},
		"twice":             {`{"id":1,"n":1,"id":2}`, `column "id": given twice`},
		"no object":         {`[1]`, `an array, want an object`},
		"no JSON":           {`{"id":1,"n":`, `invalid json at byte 12`},
		"trailing bytes":    {`{"id":1,"n":2} 3`, `invalid json at byte 15`},
		"broken array":      {`[1`, `invalid json at byte 2`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := f.Find([]byte(test.text), values); err != nil {
				got = err.Error()
			} else {
				got = fmt.Sprintf("%q", values)
			}
			if !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Values of several objects stay valid until Reset.
func TestFields_valuesStay(t *testing.T) {
	f := NewFields([]string{"id"})
	first, second := make([][]byte, 1), make([][]byte, 1)
	for i, into := range [][][]byte{first, second} {
		if err := f.Find(fmt.Appendf(nil, `{"id":"\"%d\""}`, i), into); err != nil {
			t.Fatal(err)
		}
	}
	if string(first[0]) != `"0"` || string(second[0]) != `"1"` {
		t.Errorf("got %s and %s, want both", first[0], second[0])
	}
	line := []byte(`{"id":"\"quoted\""}`)
	if n := testing.AllocsPerRun(100, func() {
		f.Reset()
		if err := f.Find(line, first); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%.0f allocations an object, want none", n)
	}
}
