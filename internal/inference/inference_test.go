package inference

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

var features = []string{"width", "height"}

// rowsOf reads all rows of a body.
func rowsOf(t testing.TB, body string, header int, features []string) ([][]float64, error) {
	t.Helper()
	r, err := Decode([]byte(body), header, false)
	if err != nil {
		return nil, err
	}
	rows, err := r.Bind(features, nil)
	if err != nil {
		return nil, err
	}
	all := make([][]float64, rows.Len())
	for i := range all {
		all[i] = make([]float64, len(features))
		if err := rows.Row(i, all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// inputs returns a request with these inputs.
func inputs(list ...string) string { return `{"inputs":[` + strings.Join(list, ",") + `]}` }

func tensor(name, datatype, shape, data string) string {
	return fmt.Sprintf(`{"name":%q,"datatype":%q,"shape":%s,"data":%s}`, name, datatype, shape, data)
}

// withBinary returns a body of JSON and binary data, and the length of the JSON.
func withBinary(message string, elements ...any) (body string, header int) {
	var b []byte
	for _, e := range elements {
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, e); err != nil {
			panic(err)
		}
	}
	return message + string(b), len(message)
}

func TestDecode_formsOfTheSameRows(t *testing.T) {
	want := [][]float64{{1, -2}, {3, 4}}
	binaryInput := func(datatype string, size int) string {
		return fmt.Sprintf(
			`{"inputs":[{"name":"input","datatype":%q,"shape":[2,2],"parameters":{"binary_data_size":%d}}]}`,
			datatype,
			size,
		)
	}
	tests := map[string]struct {
		body   string
		header int
	}{
		"flat":     {inputs(tensor("input", "FP64", "[2,2]", "[1,-2,3,4]")), NoHeader},
		"nested":   {inputs(tensor("input", "FP64", "[2,2]", "[[1, -2], [3,\n4.0]]")), NoHeader},
		"32 bits":  {inputs(tensor("input", "FP32", "[2,2]", "[1,-2.0,30e-1,4]")), NoHeader},
		"integers": {inputs(tensor("input", "INT64", "[2,2]", "[1,-2,3,4]")), NoHeader},
		"columns": {
			inputs(tensor("height", "INT8", "[2]", "[-2,4]"), tensor("width", "UINT64", "[2,1]", "[[1],[3]]")),
			NoHeader,
		},
		"a flat column": {
			inputs(tensor("width", "FP64", "[2,1]", "[1,3]"), tensor("height", "FP16", "[2]", "[-2,4]")),
			NoHeader,
		},
		"a header of all": {
			inputs(tensor("input", "FP64", "[2,2]", "[1,-2,3,4]")),
			len(inputs(tensor("input", "FP64", "[2,2]", "[1,-2,3,4]"))),
		},
		"other fields": {
			`{"id":"7","parameters":{"content_type":"pd","priority":3},"x":[{}],` +
				`"inputs":[{"name":"input","parameters":{"content_type":"np"},"shape":[2,2],"datatype":"FP64","data":[1,-2,3,4]}]}`,
			NoHeader,
		},
	}
	add := func(name, body string, header int) {
		tests[name] = struct {
			body   string
			header int
		}{body, header}
	}
	for datatype, elements := range map[string]any{
		"FP64": []float64{1, -2, 3, 4}, "FP32": []float32{1, -2, 3, 4}, "INT64": []int64{1, -2, 3, 4},
		"INT32": []int32{1, -2, 3, 4},
		"INT16": []int16{1, -2, 3, 4}, "INT8": []int8{1, -2, 3, 4}, "FP16": []uint16{0x3c00, 0xc000, 0x4200, 0x4400},
		"BF16": []uint16{0x3f80, 0xc000, 0x4040, 0x4080},
	} {
		body, header := withBinary(binaryInput(datatype, binary.Size(elements)), elements)
		add("binary "+datatype, body, header)
	}
	body, header := withBinary("", []float64{1, -2, 3, 4})
	add("a raw body", body, header)
	body, header = withBinary(
		`{"inputs":[{"name":"height","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":4}},`+
			tensor("width", "FP64", "[2]", "[1,3]")+`]}`,
		[]int16{-2, 4},
	)
	add("binary and JSON", body, header)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := rowsOf(t, test.body, test.header, features)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v (%v), want %v", got, err, want)
			}
		})
	}
}

func TestDecode_unsignedBinary(t *testing.T) {
	for datatype, elements := range map[string]any{
		"UINT8": []uint8{1, 255}, "UINT16": []uint16{1, 255}, "UINT32": []uint32{1, 255}, "UINT64": []uint64{1, 255},
	} {
		body, header := withBinary(
			fmt.Sprintf(`{"inputs":[{"name":"input","datatype":%q,"shape":[1,2],"parameters":{"binary_data_size":%d}}]}`,
				datatype, binary.Size(elements)),
			elements,
		)
		if got, err := rowsOf(t, body, header, features); err != nil || got[0][0] != 1 || got[0][1] != 255 {
			t.Errorf("%s: %v (%v), want 1 and 255", datatype, got, err)
		}
	}
}

func TestDecode_noRows(t *testing.T) {
	const binaryInput = `{"inputs":[{"name":"input","datatype":"FP64","shape":[0,2],"parameters":{"binary_data_size":0}}]}`
	for name, test := range map[string]struct {
		body   string
		header int
	}{
		"JSON":    {inputs(tensor("input", "FP64", "[0,2]", "[]")), NoHeader},
		"binary":  {binaryInput, len(binaryInput)},
		"columns": {inputs(tensor("width", "FP64", "[0]", "[]"), tensor("height", "FP64", "[0,1]", "[]")), NoHeader},
		"raw":     {"", 0},
	} {
		if got, err := rowsOf(t, test.body, test.header, features); err != nil || len(got) != 0 {
			t.Errorf("%s: %v (%v), want no rows", name, got, err)
		}
	}
}

// A model's only feature may have the name of the input for all features.
func TestBind_featureCalledInput(t *testing.T) {
	for _, shape := range []string{"[2]", "[2,1]"} {
		got, err := rowsOf(t, inputs(tensor("input", "FP64", shape, "[1,2]")), NoHeader, []string{"input"})
		if err != nil || !reflect.DeepEqual(got, [][]float64{{1}, {2}}) {
			t.Errorf("%s: %v (%v), want 1 and 2", shape, got, err)
		}
	}
	got, err := rowsOf(
		t,
		inputs(tensor("input", "FP64", "[1]", "[1]"), tensor("b", "FP64", "[1]", "[2]")),
		NoHeader,
		[]string{"b", "input"},
	)
	if err != nil || !reflect.DeepEqual(got, [][]float64{{2, 1}}) {
		t.Errorf("%v (%v), want 2 and 1", got, err)
	}
}

func TestDecode_badRequests(t *testing.T) {
	binaryInput := `{"inputs":[{"name":"input","datatype":"FP64","shape":[1,2],"parameters":{"binary_data_size":16}}]}`
	nan, nanHeader := withBinary(binaryInput, []float64{1, math.NaN()})
	short, shortHeader := withBinary(binaryInput, []float64{1})
	long, longHeader := withBinary(binaryInput, []float64{1, 2, 3})
	good := tensor("input", "FP64", "[1,2]", "[1,2]")
	outputs := func(list string) string { return `{"inputs":[` + good + `],"outputs":[` + list + `]}` }
	for name, test := range map[string]struct {
		body   string
		header int
		want   string
	}{
		"no JSON":                {"", NoHeader, "invalid json at byte 0"},
		"broken JSON":            {`{"inputs":[`, NoHeader, "invalid json at byte 11"},
		"an array":               {`[]`, NoHeader, "the request: array, want an object"},
		"inputs of another type": {`{"inputs":{}}`, NoHeader, "inputs: object, want an array"},
		"a shape of text": {
			inputs(tensor("input", "FP64", `["1",2]`, "[1,2]")), NoHeader, "shape: string, want an integer",
		},
		"a shape of fractions": {
			inputs(tensor("input", "FP64", `[1.5,2]`, "[1,2]")), NoHeader, "shape: number 1.5, want an integer",
		},
		"an id that is a number": {`{"id":7}`, NoHeader, "id: number, want a string"},
		"a flag that is text": {
			`{"parameters":{"binary_data_output":"yes"}}`, NoHeader, "binary_data_output: string, want true or false",
		},
		"no inputs": {
			`{}`, NoHeader, `/inputs: "width" is missing: want one "input" of shape [-1,2], or one per feature with its name`,
		},
		"an unknown input": {
			inputs(tensor("depth", "FP64", "[1]", "[1]")), NoHeader, `/inputs/0/name: input "depth" does not exist`,
		},
		"a feature is missing": {inputs(tensor("width", "FP64", "[1]", "[1]")), NoHeader, `"height" is missing`},
		"given twice":          {inputs(good, good), NoHeader, `/inputs/1/name: "input" is given twice`},
		"both forms": {
			inputs(tensor("width", "FP64", "[1]", "[1]"), good), NoHeader, `/inputs/1/name: input "input" does not exist`,
		},
		"different rows": {
			inputs(tensor("width", "FP64", "[1]", "[1]"), tensor("height", "FP64", "[2]", "[1,2]")), NoHeader,
			"/inputs/1/shape: 2 rows, but earlier inputs have 1",
		},
		"a shape of one row": {
			inputs(tensor("input", "FP64", "[2]", "[1,2]")), NoHeader, "/inputs/0/shape: [2], want [-1,2]",
		},
		"another width": {
			inputs(tensor("input", "FP64", "[1,3]", "[1,2,3]")), NoHeader, "/inputs/0/shape: [1,3], want [-1,2]",
		},
		"a wide column": {
			inputs(tensor("width", "FP64", "[1,2]", "[1,2]")), NoHeader, "/inputs/0/shape: [1,2], want [-1] or [-1,1]",
		},
		"a long shape": {
			inputs(tensor("input", "FP64", "[1,1,1,1,1,1,1,1,1,1]", "[1]")), NoHeader, "[1,1,1,1,1,1,1,1,…]",
		},
		"a negative size": {
			inputs(tensor("input", "FP64", "[-1,2]", "[1,2]")), NoHeader, "/inputs/0/shape: [-1,2], want sizes",
		},
		"an enormous shape": {
			inputs(tensor("input", "FP64", "[4611686018427387904,4]", "[1,2]")), NoHeader, "too large",
		},
		"a shape too large for JSON": {
			inputs(tensor("input", "FP64", "[2097153,2]", "[1,2]")), NoHeader,
			"/inputs/0/shape: [2097153,2] is too large for JSON",
		},
		"less than the shape": {
			inputs(tensor("input", "FP64", "[1000000,2]", "[1,2]")), NoHeader, "/inputs/0/data: fewer than 2000000 elements",
		},
		"one less": {
			inputs(tensor("input", "FP64", "[1,2]", "[1]")), NoHeader, "/inputs/0/data: 1 elements, want 2",
		},
		"one more": {
			inputs(tensor("input", "FP64", "[1,2]", "[1,2,3]")), NoHeader, "/inputs/0/data: more than 2 elements",
		},
		"a short row": {
			inputs(tensor("input", "FP64", "[2,2]", "[[1,2],[3]]")), NoHeader, "/inputs/0/data/1: 1 elements, want 2",
		},
		"a long row": {
			inputs(tensor("input", "FP64", "[2,2]", "[[1,2],[3,4,5]]")), NoHeader, "/inputs/0/data/1: more than 2 elements",
		},
		"a row less": {
			inputs(tensor("input", "FP64", "[2,2]", "[[1,2]   ]")), NoHeader, "/inputs/0/data: 1 rows, want 2",
		},
		"a row more": {
			inputs(tensor("input", "FP64", "[1,2]", "[[1,2],[3,4]]")), NoHeader, "/inputs/0/data: more than 1 rows",
		},
		"an element, not a row": {
			inputs(tensor("input", "FP64", "[2,2]", "[[1,2],3,4]")), NoHeader, "/inputs/0/data/1: a number, want an array",
		},
		"an element that is text": {
			inputs(tensor("input", "FP64", "[1,2]", `[1,"2"]`)), NoHeader, "/inputs/0/data/1: a string, want a number",
		},
		"null": {
			inputs(tensor("input", "FP64", "[1,2]", `[1,null]`)), NoHeader, "/inputs/0/data/1: null, want a number",
		},
		"true": {
			inputs(tensor("input", "FP64", "[1,2]", `[[1,true]]`)), NoHeader, "/inputs/0/data/0/1: true, want a number",
		},
		"an object": {
			inputs(tensor("input", "FP64", "[1,2]", `[{},2]`)), NoHeader, "/inputs/0/data/0: an object, want a number",
		},
		"nested too deep": {
			inputs(tensor("input", "FP64", "[1,2]", `[[[1],2]]`)), NoHeader, "/inputs/0/data/0/0: an array, want a number",
		},
		"no array": {
			inputs(tensor("input", "FP64", "[1,2]", `3`)), NoHeader, "/inputs/0/data: a number, want an array",
		},
		"not finite": {
			inputs(tensor("input", "FP64", "[1,2]", `[1,1e999]`)), NoHeader, `/inputs/0/data/1: "1e999" is not finite`,
		},
		"not a UINT8": {
			inputs(tensor("input", "UINT8", "[1,2]", `[1,256]`)), NoHeader, `/inputs/0/data/1: "256" is not a value`,
		},
		"not an INT32": {
			inputs(tensor("input", "INT32", "[1,2]", `[1.5,2]`)), NoHeader, `/inputs/0/data/0: "1.5" is not a value`,
		},
		"NaN": {nan, nanHeader, "/inputs/0/data/1: NaN is not finite"},
		"text": {
			inputs(tensor("input", "BYTES", "[1,2]", `["1","2"]`)), NoHeader,
			`/inputs/0/datatype: "BYTES", want a numeric datatype`,
		},
		"booleans": {
			inputs(tensor("width", "BOOL", "[1]", `[true]`)), NoHeader, `/inputs/0/datatype: "BOOL"`,
		},
		"an unknown datatype": {
			inputs(tensor("input", strings.Repeat("x", 100), "[1,2]", `[1,2]`)), NoHeader, `xxx"…, want a numeric datatype`,
		},
		"no shape": {
			`{"inputs":[{"name":"input","datatype":"FP64","data":[1,2]}]}`, NoHeader, "/inputs/0/shape: is missing",
		},
		"no data": {
			`{"inputs":[{"name":"input","datatype":"FP64","shape":[1,2]}]}`, NoHeader, "/inputs/0/data: is missing",
		},
		"a header too long": {binaryInput, 1000, "the header says that 1000 bytes are JSON"},
		"a negative header": {binaryInput, -5, "the header says"},
		"binary data is missing": {
			binaryInput, len(binaryInput), "/inputs/0/parameters/binary_data_size: 16, but 0 bytes are left",
		},
		"half of it is missing": {short, shortHeader, "16, but 8 bytes are left"},
		"bytes behind it":       {long, longHeader, "8 bytes after the last input"},
		"another size": {
			strings.Replace(long, "16", "24", 1), longHeader, "/inputs/0: 24 bytes of data, want the 16 of FP64 [1,2]",
		},
		"a negative binary size": {strings.Replace(binaryInput, "16", "-1", 1), NoHeader, "binary_data_size: -1"},
		"binary and data": {
			strings.Replace(binaryInput, "}]", `,"data":[]}]`, 1), NoHeader,
			"/inputs/0/data: is given together with binary data",
		},
		"half a row": {"12345678", 0, "8 bytes, want a multiple of 16: a row has 2 FP64"},
		"shared memory": {
			strings.Replace(binaryInput, "binary_data_size", "shared_memory_region", 1), NoHeader,
			"shared memory is not supported",
		},
		"shared memory to answer": {
			outputs(`{"name":"label","parameters":{"shared_memory_region":"x"}}`), NoHeader,
			"/outputs/0: shared memory is not supported",
		},
		"an unknown output": {outputs(`{"name":"score"}`), NoHeader, `/outputs/0: output "score" does not exist`},
		"an output twice": {
			outputs(`{"name":"label"},{"name":"label"}`), NoHeader, "/outputs/1: output label is requested twice",
		},
		"classes of a label": {
			outputs(`{"name":"label","parameters":{"classification":1}}`), NoHeader, "made from probabilities",
		},
		"negative classes": {
			outputs(`{"name":"probabilities","parameters":{"classification":-1}}`), NoHeader, "classification -1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rowsOf(t, test.body, test.header, features)
			wrong, ok := err.(*Error) //nolint:errorlint // Decode promises an *Error, not one that is wrapped
			if !ok || !strings.Contains(wrong.Error(), test.want) {
				t.Errorf("%v (%v), want an *Error that says %q", got, err, test.want)
			}
		})
	}
}

// Requests over gRPC have their elements as values.
func TestBind_values(t *testing.T) {
	in := func(values []float64, datatype Datatype, shape ...int64) *Request {
		return &Request{Inputs: []Input{{Name: InputName, Datatype: datatype, Shape: shape, Values: values}}}
	}
	if rows, err := in([]float64{1, 2}, FP64, 1, 2).Bind(features, nil); err != nil || rows.Len() != 1 {
		t.Errorf("%v, want a row", err)
	}
	for want, r := range map[string]*Request{
		"/inputs/0/data: 1 elements, want the 2 of shape [1,2]": in([]float64{1}, FP64, 1, 2),
		"/inputs/0/data/1: 0.5 is not a value of INT8":          in([]float64{1, 0.5}, "INT8", 1, 2),
		"/inputs/0/shape: [], want [-1,2]":                      in([]float64{1}, FP64),
	} {
		if _, err := r.Bind(features, nil); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float64{
		0: 0, 1: 0x1p-24, 0x03ff: 0x3ffp-24, 0x0400: 0x1p-14, 0x3555: 0.333251953125, 0x7bff: 65504, 0xfbff: -65504,
		0x7c00: math.Inf(1), 0xfc00: math.Inf(-1),
	} {
		if got := half(bits); got != want {
			t.Errorf("%04x is %v, want %v", bits, got, want)
		}
	}
	if !math.IsNaN(half(0x7e00)) {
		t.Error("7e00 is a number")
	}
}

func result() *Result {
	return &Result{
		Model: "flowers", Version: "7", Classes: []string{`<a & "b">`, "ü", "c"},
		Best: []int32{1, 0}, Probabilities: []float64{0.25, 0.5, 0.25, 0.75, 1e-9, 0.25},
	}
}

// reply is an answer in JSON.
type reply struct {
	Name    string   `json:"model_name"`
	Version string   `json:"model_version"`
	ID      string   `json:"id"`
	Outputs []output `json:"outputs"`
}

type output struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int           `json:"shape"`
	Parameters map[string]int  `json:"parameters"`
	Data       json.RawMessage `json:"data"`
}

func TestEncode_json(t *testing.T) {
	body, header := (&Request{ID: "é\n"}).Encode([]byte("before"), result())
	if header != NoHeader {
		t.Errorf("header %d, want none", header)
	}
	const want = `{"model_name":"flowers","model_version":"7","id":"é\n","outputs":[` +
		`{"name":"label","datatype":"BYTES","shape":[2],"data":["ü","<a & \"b\">"]},` +
		`{"name":"probabilities","datatype":"FP64","shape":[2,3],"data":[0.25,0.5,0.25,0.75,1e-09,0.25]}]}`
	if got := strings.TrimPrefix(string(body), "before"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEncode_outputsThatAreAskedFor(t *testing.T) {
	r := &Request{Outputs: []Output{
		{Name: ProbabilitiesName, Classification: 2},
		{Name: LabelName, Binary: true},
	}}
	body, header := r.Encode(nil, result())
	var got reply
	if err := json.Unmarshal(body[:header], &got); err != nil {
		t.Fatal(err)
	}
	want := []output{
		{
			Name:     "probabilities",
			Datatype: "BYTES",
			Shape:    []int{2, 2},
			Data:     json.RawMessage(`["0.5:1:ü","0.25:0:<a & \"b\">","0.75:0:<a & \"b\">","0.25:2:c"]`),
		},
		{Name: "label", Datatype: "BYTES", Shape: []int{2}, Parameters: map[string]int{"binary_data_size": 19}},
	}
	if got.ID != "" || !reflect.DeepEqual(got.Outputs, want) {
		t.Errorf("got %+v\nwant %+v", got.Outputs, want)
	}
	if blob := string(body[header:]); blob != "\x02\x00\x00\x00ü\x09\x00\x00\x00<a & \"b\">" {
		t.Errorf("binary data %q", blob)
	}
}

func TestEncode_binary(t *testing.T) {
	body, header := (&Request{Binary: true}).Encode(nil, result())
	blob := body[header:]
	var values [6]float64
	_, err := binary.Decode(blob[19:], binary.LittleEndian, &values)
	if err != nil || !reflect.DeepEqual(values[:], result().Probabilities) {
		t.Errorf("probabilities %v (%v)", values, err)
	}
	r := &Request{Outputs: []Output{{Name: ProbabilitiesName, Binary: true, Classification: 100}}}
	tensors := r.Tensors(result())
	if got := tensors[0].Shape; !reflect.DeepEqual(got, []int64{2, 3}) || tensors[0].Floats() != nil {
		t.Errorf("a classification of 100 of 3 classes has shape %v", got)
	}
	if texts := tensors[0].Texts(); len(texts) != 6 || string(texts[0]) != "0.5:1:ü" || string(texts[5]) != "1e-09:1:ü" {
		t.Errorf("classification %q", texts)
	}
	if floats := (&Request{Outputs: []Output{{Name: ProbabilitiesName}}}).Tensors(result())[0]; floats.Texts() != nil ||
		len(floats.Floats()) != 6 {
		t.Errorf("probabilities %q %v", floats.Texts(), floats.Floats())
	}
	raw := string(tensors[0].AppendRaw(nil))
	if !strings.HasPrefix(raw, "\x08\x00\x00\x000.5:1:ü\x10\x00\x00\x000.25:0:<a") {
		t.Errorf("classification %q", raw)
	}
}

func TestEncode_noRows(t *testing.T) {
	empty := &Result{Model: "m", Version: "1", Classes: []string{"a", "b"}}
	body, _ := new(Request).Encode(nil, empty)
	const want = `{"model_name":"m","model_version":"1","outputs":[` +
		`{"name":"label","datatype":"BYTES","shape":[0],"data":[]},` +
		`{"name":"probabilities","datatype":"FP64","shape":[0,2],"data":[]}]}`
	if string(body) != want {
		t.Errorf("got %s\nwant %s", body, want)
	}
}

// The number of allocations does not grow with the number of rows.
func TestRequest_allocatesNothingPerRow(t *testing.T) {
	for name, body := range map[string]func(rows int) (string, int){
		"JSON": func(rows int) (string, int) {
			data := strings.TrimSuffix(strings.Repeat("[5.1,0.2],", rows), ",")
			return inputs(tensor("input", "FP64", fmt.Sprintf("[%d,2]", rows), "["+data+"]")), NoHeader
		},
		"binary": func(rows int) (string, int) {
			m := fmt.Sprintf(`{"parameters":{"binary_data_output":true},"inputs":[{"name":"input","datatype":"FP32",`+
				`"shape":[%d,2],"parameters":{"binary_data_size":%d}}]}`, rows, 8*rows)
			return withBinary(m, make([]float32, 2*rows))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cost := func(rows int) float64 {
				text, header := body(rows)
				b := []byte(text)
				res := &Result{
					Model:         "m",
					Version:       "1",
					Classes:       []string{"a", "b"},
					Best:          make([]int32, rows),
					Probabilities: make([]float64, 2*rows),
				}
				x, answer := make([]float64, 2), make([]byte, 0, 1<<20)
				return testing.AllocsPerRun(20, func() {
					r, err := Decode(b, header, false)
					if err != nil {
						t.Fatal(err)
					}
					all, err := r.Bind(features, nil)
					if err != nil {
						t.Fatal(err)
					}
					for i := range all.Len() {
						if err := all.Row(i, x); err != nil {
							t.Fatal(err)
						}
					}
					r.Encode(answer, res)
				})
			}
			few, many := cost(10), cost(10_000)
			if many > few+20 { // slices that double while they grow
				t.Errorf("10 rows take %v allocations, 10,000 rows %v", few, many)
			}
		})
	}
}
