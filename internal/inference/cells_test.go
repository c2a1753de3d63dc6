package inference

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

var visits = datasettest.Visits()

// visitsOf reads all rows of a body with the features of visits.
func visitsOf(body string, header int, cells *dataset.Cells) ([][]float64, error) {
	r, err := Decode([]byte(body), header, true)
	if err != nil {
		return nil, err
	}
	return bindVisits(r, cells)
}

func bindVisits(r *Request, cells *dataset.Cells) ([][]float64, error) {
	rows, err := r.Bind(visits.Features, cells)
	if err != nil {
		return nil, err
	}
	all := make([][]float64, rows.Len())
	for i := range all {
		all[i] = make([]float64, len(visits.Features))
		if err := rows.Row(i, all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// rawTexts returns texts as binary data.
func rawTexts(texts ...string) []byte {
	var b []byte
	for _, text := range texts {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
	}
	return b
}

var visitRows = [][]float64{{31, 7.5, 1, 1, 1, 2}, {40, math.NaN(), 0, 4, math.NaN(), math.NaN()}}

// The same two rows are the same numbers in all forms of tensors.
func TestRows_sameRowsInAllForms(t *testing.T) {
	cells := dataset.NewCells(visits)
	jsonBody := inputs(
		tensor("since", "BYTES", "[2,1]", `[["1970-01-03"],[null]]`),
		tensor("age", "INT64", "[2]", "[31,40]"),
		tensor("fare", "FP64", "[2,1]", "[7.5,null]"),
		tensor("member", "BOOL", "[2]", "[true,false]"),
		tensor("city", "BYTES", "[2]", `["\u0052ome","Oslo"]`),
		tensor("zip", "FP64", "[2]", "[7,null]"),
	)
	binaryInput := func(name, datatype string, data []byte) string {
		return fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":[2],"parameters":{"binary_data_size":%d}}`,
			name, datatype, len(data))
	}
	cities, zips, members := rawTexts("Rome", "Oslo"), rawTexts("7.0", ""), []byte{1, 0}
	floats := func(values ...float64) (b []byte) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	ages, fares, dates := floats(31, 40), floats(7.5, math.NaN()), floats(2, math.NaN())
	binaryBody, header := withBinary(`{"inputs":[`+strings.Join([]string{
		binaryInput("city", "BYTES", cities), binaryInput("zip", "BYTES", zips), binaryInput("member", "BOOL", members),
		binaryInput("age", "FP64", ages), binaryInput("fare", "FP64", fares), binaryInput("since", "FP64", dates),
	}, ",")+`]}`, slices.Concat(cities, zips, members, ages, fares, dates))
	matrix := inputs(tensor("input", "BYTES", "[2,6]",
		`[["31","7.5","yes","Rome","7.0","1970-01-03"],["40","NA","no","Oslo",null,""]]`))
	for name, body := range map[string]string{"JSON": jsonBody, "binary": binaryBody, "one tensor of texts": matrix} {
		t.Run(name, func(t *testing.T) {
			at := NoHeader
			if name == "binary" {
				at = header
			}
			got, err := visitsOf(body, at, cells)
			if err != nil || !slices.EqualFunc(got, visitRows, datasettest.SameRow) {
				t.Errorf("%v, %v; want %v", got, err, visitRows)
			}
		})
	}
	t.Run("as gRPC has them", func(t *testing.T) {
		got, err := bindVisits(&Request{Inputs: []Input{
			{Name: "age", Datatype: "INT32", Shape: []int64{2}, Values: []float64{31, 40}},
			{Name: "fare", Datatype: FP64, Shape: []int64{2}, Values: []float64{7.5, math.NaN()}},
			{Name: "member", Datatype: Bool, Shape: []int64{2}, Values: []float64{1, 0}},
			{Name: "city", Datatype: Bytes, Shape: []int64{2}, Texts: [][]byte{[]byte("Rome"), []byte("Oslo")}},
			{Name: "zip", Datatype: Bytes, Shape: []int64{2}, Texts: [][]byte{[]byte("7.0"), {}}},
			{Name: "since", Datatype: Bytes, Shape: []int64{2, 1}, Raw: rawTexts("1970-01-03", "")},
		}}, cells)
		if err != nil || !slices.EqualFunc(got, visitRows, datasettest.SameRow) {
			t.Errorf("%v, %v; want %v", got, err, visitRows)
		}
	})
	t.Run("optional features need no tensor", func(t *testing.T) {
		got, err := visitsOf(inputs(tensor("age", "FP32", "[1]", "[1]"), tensor("member", "UINT8", "[1]", "[1]"),
			tensor("city", "INT64", "[1]", "[3]")), NoHeader, cells)
		want := [][]float64{{1, math.NaN(), 1, 2, math.NaN(), math.NaN()}}
		if err != nil || !slices.EqualFunc(got, want, datasettest.SameRow) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}

func TestRows_badCells(t *testing.T) {
	age, member := tensor("age", "FP64", "[1]", "[1]"), tensor("member", "BOOL", "[1]", "[true]")
	city := tensor("city", "BYTES", "[1]", `["Oslo"]`)
	short, header := withBinary(inputs(age, member,
		`{"name":"city","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}`), []byte("\x09\x00\x00\x00a"))
	for _, test := range []struct {
		name, body string
		header     int
		strict     bool
		want       string
	}{
		{
			"an unseen text", inputs(age, member, city), NoHeader, true,
			`/inputs/2/data/0: "city": "Oslo" was not seen in training`,
		},
		{"no city", inputs(age, member), NoHeader, false, `/inputs: "city" is missing`},
		{"no input", inputs(), NoHeader, false, `/inputs: "age" is missing`},
		{
			"null for a number", inputs(tensor("age", "FP64", "[1]", "[null]"), member, city), NoHeader, false,
			`/inputs/0/data/0: "age": empty cell, want a number`,
		},
		{
			"a text for a truth value", inputs(age, tensor("member", "BYTES", "[1]", `["perhaps"]`), city), NoHeader, false,
			`/inputs/1/data/0: "member": "perhaps" is neither true nor false`,
		},
		{
			"a number in texts", inputs(age, member, tensor("city", "BYTES", "[1]", "[3]")), NoHeader, false,
			"/inputs/2/data/0: a number, want a string",
		},
		{
			"a text in numbers", inputs(tensor("age", "FP64", "[1]", `["3"]`), member, city), NoHeader, false,
			"/inputs/0/data/0: a string, want a number",
		},
		{
			"a text in truth values", inputs(age, tensor("member", "BOOL", "[1]", `["true"]`), city), NoHeader, false,
			"/inputs/1/data/0: a string, want true or false",
		},
		{
			"two in truth values", inputs(age, tensor("member", "BOOL", "[1]", `[2]`), city), NoHeader, false,
			`/inputs/1/data/0: "2" is not a value of the datatype`,
		},
		{
			"too few texts", inputs(age, member, tensor("city", "BYTES", "[2]", `["a"]`)), NoHeader, false,
			"/inputs/2/data: 1 elements, want 2",
		},
		{
			"another datatype", inputs(tensor("age", "TEXT", "[1]", "[1]"), member, city), NoHeader, false,
			`/inputs/0/datatype: "TEXT", want BYTES, BOOL`,
		},
		{"a text beyond the data", short, header, false, "/inputs/2: text 0 ends after the data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cells := dataset.NewCells(visits)
			if test.strict {
				cells = cells.Strict()
			}
			_, err := visitsOf(test.body, test.header, cells)
			var place *Error
			if !errors.As(err, &place) || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// A model of numbers alone takes no texts.
func TestRows_numbersAlone(t *testing.T) {
	for body, want := range map[string]string{
		inputs(tensor("width", "BYTES", "[1]", `["1"]`), tensor("height", "FP64", "[1]", "[1]")): `"BYTES", want a numeric`,
		inputs(tensor("width", "BOOL", "[1]", `[true]`), tensor("height", "FP64", "[1]", "[1]")): `"BOOL", want a numeric`,
		inputs(tensor("input", "FP64", "[1,2]", `[1,null]`)):                                     "null, want a number",
	} {
		if _, err := rowsOf(t, body, NoHeader, features); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	r := &Request{Inputs: []Input{{Name: "input", Datatype: Bytes, Shape: []int64{1, 2}, Texts: [][]byte{{'1'}, {'2'}}}}}
	if _, err := r.Bind(features, nil); err == nil {
		t.Error("a tensor of texts is accepted")
	}
}

// FuzzDecode_mixed checks that any body is answered with rows that the columns allow, or with an *Error.
func FuzzDecode_mixed(f *testing.F) {
	f.Add([]byte(inputs(tensor("age", "FP64", "[1]", "[1]"), tensor("member", "BOOL", "[1]", "[true]"),
		tensor("city", "BYTES", "[1]", `["Rome"]`), tensor("zip", "INT8", "[1]", "[null]"))), NoHeader)
	f.Add([]byte(inputs(tensor("input", "BYTES", "[1,6]", `["1","2","no","\"","",null]`))), NoHeader)
	body, header := withBinary(`{"inputs":[{"name":"input","datatype":"BYTES","shape":[1,6],`+
		`"parameters":{"binary_data_size":34}}]}`, rawTexts("1", "2", "0", "Rome", "", "NA"))
	f.Add([]byte(body), header)
	f.Add(make([]byte, 48), 0)
	cells := dataset.NewCells(visits)
	f.Fuzz(func(t *testing.T, body []byte, header int) {
		rows, err := visitsOf(string(body), header, cells)
		if err != nil {
			if _, ok := err.(*Error); !ok { //nolint:errorlint // Decode promises an *Error, not one that is wrapped
				t.Fatalf("%v is not an *Error", err)
			}
			return
		}
		for _, row := range rows {
			for i, v := range row {
				if bad := visits.Column(i).CheckValue(v); bad != "" {
					t.Fatalf("%s %s", visits.Features[i], bad)
				}
			}
		}
	})
}
