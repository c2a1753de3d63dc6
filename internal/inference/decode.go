package inference

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// NoHeader stands for a body that is all JSON.
const NoHeader = -1

// maxElements limits an input in JSON, whose elements need more memory than their text: 32 MiB, which is also the
// API's limit for binary data.
const maxElements = 4 << 20

// message is the JSON of a request.
type message struct {
	ID         string `json:"id"`
	Parameters struct {
		Binary    bool     `json:"binary_data_output"`
		Threshold *float64 `json:"threshold"`
	} `json:"parameters"`
	Inputs  []messageInput  `json:"inputs"`
	Outputs []messageOutput `json:"outputs"`
}

type messageInput struct {
	Name       string   `json:"name"`
	Datatype   Datatype `json:"datatype"`
	Shape      []int64  `json:"shape"`
	Parameters struct {
		Size   *int64          `json:"binary_data_size"`
		Region json.RawMessage `json:"shared_memory_region"`
	} `json:"parameters"`
	Data json.RawMessage `json:"data"`
}

type messageOutput struct {
	Name       string `json:"name"`
	Parameters struct {
		Binary         *bool           `json:"binary_data"`
		Classification int64           `json:"classification"`
		Region         json.RawMessage `json:"shared_memory_region"`
	} `json:"parameters"`
}

// Decode reads the body of a request over HTTP. The first header bytes are JSON, followed by the elements of the inputs
// that have a binary size. With NoHeader the whole body is JSON. With a header of 0 the whole body is the elements of a
// single input. If mixed is set, inputs may also be BYTES or BOOL, and an element in JSON may be null. The request
// refers to the body. The error is an *Error.
func Decode(body []byte, header int, mixed bool) (*Request, error) {
	switch {
	case header == 0:
		return &Request{Inputs: []Input{{Name: InputName, Datatype: FP64, Raw: body, whole: true}}, Binary: true}, nil
	case header == NoHeader:
		header = len(body)
	case header < 0 || header > len(body):
		return nil, Wrong("", "the header says that %d bytes are JSON, but the body has %d", header, len(body))
	}
	var m message
	if err := json.Unmarshal(body[:header], &m); err != nil {
		return nil, jsonError(err)
	}
	return m.request(body[header:], mixed)
}

// request reads the inputs. Binary inputs are in the bytes after the JSON.
func (m *message) request(blob []byte, mixed bool) (*Request, error) {
	r := &Request{
		ID:        m.ID,
		Binary:    m.Parameters.Binary,
		Threshold: m.Parameters.Threshold,
		Inputs:    make([]Input, len(m.Inputs)),
	}
	for i := range m.Inputs {
		rest, err := m.Inputs[i].read(i, blob, mixed, &r.Inputs[i])
		if err != nil {
			return nil, err
		}
		blob = rest
	}
	if len(blob) > 0 {
		return nil, Wrong("", "%d bytes after the last input", len(blob))
	}
	for i, out := range m.Outputs {
		if out.Parameters.Region != nil {
			return nil, wrong("/outputs", i, NoSharedMemory)
		}
		binary := m.Parameters.Binary
		if b := out.Parameters.Binary; b != nil {
			binary = *b
		}
		r.Outputs = append(r.Outputs, Output{Name: out.Name, Binary: binary, Classification: out.Parameters.Classification})
	}
	return r, nil
}

// read reads the input at an index and returns the rest of the binary data.
func (m *messageInput) read(index int, blob []byte, mixed bool, in *Input) (rest []byte, err error) {
	*in = Input{Name: m.Name, Datatype: m.Datatype, Shape: m.Shape}
	if m.Shape == nil {
		return nil, inputError(index, "shape", "is missing")
	}
	if m.Parameters.Region != nil {
		return nil, inputError(index, "parameters/shared_memory_region", NoSharedMemory)
	}
	if size := m.Parameters.Size; size != nil {
		switch {
		case m.Data != nil:
			return nil, inputError(index, "data", "is given together with binary data")
		case *size < 0 || *size > int64(len(blob)):
			return nil, inputError(index, "parameters/binary_data_size", "%d, but %d bytes are left", *size, len(blob))
		}
		in.Raw = blob[:*size:*size]
		return blob[*size:], nil
	}
	if m.Data == nil {
		return nil, inputError(index, "data", "is missing")
	}
	kind, err := in.kind(index, mixed)
	if err != nil {
		return nil, err
	}
	elements, err := in.elements(index)
	if err != nil {
		return nil, err
	}
	if elements > maxElements {
		return nil, inputError(index, "shape", "%s is too large for JSON: send at most %d elements, or binary data",
			shapeText(in.Shape), maxElements)
	}
	d := array{data: m.Data, kind: kind, texts: in.Datatype == Bytes, bools: in.Datatype == Bool, nulls: mixed}
	if err := d.decode(in.Shape, elements); err != nil {
		var place *Error
		if errors.As(err, &place) {
			err = inputError(index, "data"+place.Pointer, "%s", place.Reason)
		}
		return nil, err
	}
	in.Values, in.Texts = d.values, d.strings
	return blob, nil
}

// jsonError turns an error of encoding/json into an *Error in the words of the protocol.
func jsonError(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return Wrong("", "%s: %s, want %s", cmp.Or(mismatch.Field, "the request"), mismatch.Value, wanted(mismatch.Type))
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return Wrong("", "invalid json at byte %d: %s", syntax.Offset, strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return Wrong("", "invalid json")
}

// wanted names a type as a JSON value.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "an array"
	case reflect.Float64:
		return "a number"
	case reflect.Struct:
		return "an object"
	default:
		return fmt.Sprintf("an integer of %d bits", t.Bits())
	}
}
