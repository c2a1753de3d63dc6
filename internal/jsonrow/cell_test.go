package jsonrow_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/jsonrow"
)

var visits = datasettest.Visits()

func TestCellDecoder(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name, body string
		want       []float64
		reason     string // of an error, with its pointer
	}{
		{
			"each kind", `{"age":31,"fare":7.5,"member":true,"city":"Rome","zip":"01234","since":"1970-01-03"}`,
			[]float64{31, 7.5, 1, 1, 0, 2},
			"",
		},
		{
			"null where allowed", `{"age":31,"fare":null,"member":false,"city":"Paris","zip":null,"since":null}`,
			[]float64{31, nan, 0, 0, nan, nan},
			"",
		},
		{"absent where allowed", `{"city":"Paris","member":1,"age":31}`, []float64{31, nan, 1, 0, nan, nan}, ""},
		{
			"texts for numbers", `{"age":" 31 ","fare":"NA","member":"yes","city":"Paris","zip":"","since":1.5}`,
			[]float64{31, nan, 1, 0, nan, 1.5},
			"",
		},
		{
			"numbers for texts", `{"age":31,"fare":1,"member":0,"city":3,"zip":7,"since":0}`,
			[]float64{31, 1, 0, 2, 1, 0},
			"",
		},
		{
			"a number as it is written", `{"age":31,"member":0,"city":3.0,"zip":1.50}`,
			[]float64{31, nan, 0, 2, 2, nan},
			"",
		},
		{"a truth value for a text", `{"age":true,"member":0,"city":true}`, []float64{1, nan, 0, 3, nan, nan}, ""},
		{"an unseen text", `{"age":31,"member":0,"city":"Oslo","zip":"1234"}`, []float64{31, nan, 0, 4, 3, nan}, ""},
		{"an unseen truth value", `{"age":31,"member":0,"city":false}`, []float64{31, nan, 0, 4, nan, nan}, ""},
		{
			"null for a text that was never missing", `{"age":31,"member":0,"city":null}`,
			[]float64{31, nan, 0, 4, nan, nan},
			"",
		},
		{"escapes", `{"age":31,"member":0,"city":"\u0052ome"}`, []float64{31, nan, 0, 1, nan, nan}, ""},
		{"null for a number", `{"age":null,"member":0,"city":"Rome"}`, nil, "/age: null, want a number"},
		{"no number", `{"member":0,"city":"Rome"}`, nil, "/age: missing"},
		{"no text that was never missing", `{"age":31,"member":0}`, nil, "/city: missing"},
		{"a word for a number", `{"age":"old","member":0,"city":"Rome"}`, nil, `/age: "old" is not a finite number`},
		{
			"a word for a truth value", `{"age":31,"member":"perhaps","city":"Rome"}`, nil,
			`/member: "perhaps" is neither true nor false`,
		},
		{"a number for a truth value", `{"age":31,"member":2,"city":"Rome"}`, nil, "/member: 2 is neither true nor false"},
		{"a word for a date", `{"age":31,"member":0,"city":"Rome","since":"monday"}`, nil, `/since: "monday" is not a date`},
		{"an array for a text", `{"age":31,"member":0,"city":["Rome"]}`, nil, "/city: an array, want a text"},
		{"an object for a date", `{"age":31,"member":0,"city":"Rome","since":{}}`, nil, "/since: an object, want a date"},
		{"a number beyond float64", `{"age":1e999,"member":0,"city":"Rome"}`, nil, `/age: "1e999" is not finite`},
		{"twice, once as null", `{"age":31,"member":0,"city":"Rome","zip":null,"zip":"01234"}`, nil, "/zip: given twice"},
		{"not JSON", `{"age":nul}`, nil, "invalid json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := make([]float64, len(visits.Features))
			err := jsonrow.NewCellDecoder(visits.Features, dataset.NewCells(visits)).DecodeRow([]byte(c.body), x)
			if c.reason == "" && (err != nil || !datasettest.SameRow(x, c.want)) {
				t.Errorf("%v, %v; want %v", x, err, c.want)
			}
			if c.reason != "" && (err == nil || !strings.HasPrefix(err.Error(), c.reason)) {
				t.Errorf("error %v, want %s", err, c.reason)
			}
		})
	}
}

func TestCellDecoder_strict(t *testing.T) {
	decoder := jsonrow.NewCellDecoder(visits.Features, dataset.NewCells(visits).Strict())
	x := make([]float64, len(visits.Features))
	for body, want := range map[string]string{
		`{"age":31,"member":0,"city":"Oslo"}`: `/city: "Oslo" was not seen in training`,
		`{"age":31,"member":0,"city":4}`:      `/city: "4" was not seen in training`,
		`{"age":31,"member":0,"city":false}`:  `/city: "false" was not seen in training`,
		`{"age":31,"member":0,"city":null}`:   "/city: null, want a text",
		`{"age":31,"member":0,"city":"Rome"}`: "",
	} {
		err := decoder.DecodeRow([]byte(body), x)
		var row *dataset.RowError
		if want == "" && err != nil || want != "" && (!errors.As(err, &row) || err.Error() != want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// Decoding a row of texts allocates nothing.
func TestCellDecoder_allocations(t *testing.T) {
	decoder := jsonrow.NewCellDecoder(visits.Features, dataset.NewCells(visits))
	x := make([]float64, len(visits.Features))
	for _, body := range []string{
		`{"age":31,"fare":7.5,"member":true,"city":"Rome","zip":"01234","since":"1970-01-03"}`,
		`{"age":31,"fare":null,"member":"no","city":3,"zip":"\u0030unseen","x":["y"]}`,
	} {
		data := []byte(body)
		if n := testing.AllocsPerRun(100, func() {
			if err := decoder.DecodeRow(data, x); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%v allocations for %s, want none", n, body)
		}
	}
}

// FuzzCellDecoder checks that a row of any document has only values that its columns allow.
func FuzzCellDecoder(f *testing.F) {
	for _, body := range []string{
		`{"age":31,"fare":7.5,"member":true,"city":"Rome","zip":"01234","since":"1970-01-03"}`,
		`{"age":"31","fare":null,"member":"no","city":3,"zip":1e999,"x":{"y":[]}}`,
		`{"age":1,"member":0,"city":null,"city":1}`,
	} {
		f.Add([]byte(body))
	}
	cells := dataset.NewCells(visits)
	decoders := []*jsonrow.Decoder{
		jsonrow.NewCellDecoder(visits.Features, cells), jsonrow.NewCellDecoder(visits.Features, cells.Strict()),
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, decoder := range decoders {
			x := make([]float64, len(visits.Features))
			err := decoder.DecodeRow(data, x)
			var syntax *jsonrow.SyntaxError
			var row *dataset.RowError
			if err != nil && !errors.As(err, &syntax) && !errors.As(err, &row) {
				t.Fatalf("%v, want a place", err)
			}
			for i, v := range x {
				if bad := visits.Column(i).CheckValue(v); err == nil && (bad != "" || jsonrow.IsUnset(v)) {
					t.Fatalf("%s: %s %s", data, visits.Features[i], bad)
				}
			}
		}
	})
}
