package inference

import (
	"encoding/json"
	"fmt"
	"testing"
)

// FuzzDecode checks that the decoder answers any body with rows of finite numbers or with an *Error, and that the rows
// are the same if they are sent again as binary data.
func FuzzDecode(f *testing.F) {
	good := inputs(tensor("input", "FP64", "[2,2]", "[[1,-2],[3e1,4]]"))
	binaryBody, header := withBinary(
		`{"inputs":[{"name":"input","datatype":"FP16","shape":[1,2],"parameters":{"binary_data_size":4}}],`+
			`"outputs":[{"name":"probabilities","parameters":{"classification":1}}]}`,
		[]uint16{1, 2},
	)
	f.Add([]byte(good), NoHeader)
	f.Add([]byte(good), 10)
	f.Add([]byte(binaryBody), header)
	f.Add([]byte("0123456789abcdef"), 0)
	f.Add([]byte(inputs(tensor("width", "INT8", "[1]", "[1]"), tensor("height", "UINT64", "[1,1]", "[[1]]"))), NoHeader)
	f.Add([]byte(`{"id":"x","inputs":[{"name":"input","datatype":"FP64","shape":[1,2],"data":[1,"2"]}]}`), NoHeader)
	f.Fuzz(func(t *testing.T, body []byte, header int) {
		rows, err := rowsOf(t, string(body), header, features)
		if err != nil {
			if _, ok := err.(*Error); !ok { //nolint:errorlint // Decode promises an *Error, not one that is wrapped
				t.Fatalf("%v is not an *Error", err)
			}
			return
		}
		var flat []float64
		for _, row := range rows {
			for _, v := range row {
				if !finite(v) {
					t.Fatalf("%v is not finite", v)
				}
				flat = append(flat, v)
			}
		}
		again, header := withBinary(
			fmt.Sprintf(
				`{"inputs":[{"name":"input","datatype":"FP64","shape":[%d,2],"parameters":{"binary_data_size":%d}}]}`,
				len(rows),
				8*len(flat),
			),
			flat,
		)
		same, err := rowsOf(t, again, header, features)
		if err != nil || fmt.Sprint(same) != fmt.Sprint(rows) {
			t.Fatalf("%v when sent again (%v), were %v", same, err, rows)
		}
		r, err := Decode(body, NoHeader, false)
		if err != nil {
			return
		}
		res := &Result{
			Model:         "m",
			Version:       "1",
			Classes:       []string{"a", "b"},
			Best:          make([]int32, len(rows)),
			Probabilities: make([]float64, 2*len(rows)),
		}
		r.Binary, r.Outputs = false, nil
		if answer, header := r.Encode(nil, res); header != NoHeader || !json.Valid(answer) {
			t.Fatalf("%d %s is not JSON", header, answer)
		}
	})
}
