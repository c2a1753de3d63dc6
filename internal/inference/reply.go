package inference

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Result is a model's answer to the rows of a request.
type Result struct {
	Model, Version string
	Classes        []string
	Best           []int32   // per row, the most probable class
	Probabilities  []float64 // row-major, one value per row and class
}

// Tensor is an output.
type Tensor struct {
	Name     string
	Datatype Datatype
	Shape    []int64
	Binary   bool

	result *Result
	top    int   // if above 0, a classification with this number of classes
	order  []int // scratch space of a classification: the classes of a row
}

// Tensors returns the requested outputs.
func (r *Request) Tensors(result *Result) []Tensor {
	outputs := r.Outputs
	if len(outputs) == 0 {
		outputs = []Output{{Name: LabelName, Binary: r.Binary}, {Name: ProbabilitiesName, Binary: r.Binary}}
	}
	tensors := make([]Tensor, len(outputs))
	rows, classes := int64(len(result.Best)), int64(len(result.Classes))
	for i, out := range outputs {
		t := Tensor{Name: out.Name, Datatype: Bytes, Shape: []int64{rows}, Binary: out.Binary, result: result}
		switch {
		case out.Classification > 0:
			t.top = int(min(out.Classification, classes))
			t.Shape = append(t.Shape, int64(t.top))
			t.order = make([]int, classes)
		case out.Name == ProbabilitiesName:
			t.Datatype, t.Shape = FP64, append(t.Shape, classes)
		}
		tensors[i] = t
	}
	return tensors
}

// Floats returns the elements of an FP64 tensor, or nil.
func (t *Tensor) Floats() []float64 {
	if t.Datatype != FP64 {
		return nil
	}
	return t.result.Probabilities
}

// Texts returns the elements of a BYTES tensor, or nil.
func (t *Tensor) Texts() [][]byte {
	if t.Datatype != Bytes {
		return nil
	}
	texts := make([][]byte, 0, len(t.result.Best)*max(t.top, 1))
	for raw := t.AppendRaw(nil); len(raw) > 0; {
		end := 4 + binary.LittleEndian.Uint32(raw)
		texts, raw = append(texts, raw[4:end:end]), raw[end:]
	}
	return texts
}

// AppendRaw appends the elements, little-endian. Four bytes before each text give its length.
func (t *Tensor) AppendRaw(dst []byte) []byte {
	switch {
	case t.Datatype == FP64:
		dst = slices.Grow(dst, 8*len(t.result.Probabilities))
		for _, p := range t.result.Probabilities {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(p))
		}
	case t.top > 0:
		t.classify(func(class int, p float64) {
			start := len(dst)
			dst = append(dst, 0, 0, 0, 0)
			dst = append(appendRank(dst, class, p), t.result.Classes[class]...)
			binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
		})
	default:
		for _, class := range t.result.Best {
			label := t.result.Classes[class]
			dst = append(binary.LittleEndian.AppendUint32(dst, uint32(len(label))), label...)
		}
	}
	return dst
}

// appendJSON appends the elements as a flat array. quoted holds the classes as JSON.
func (t *Tensor) appendJSON(dst []byte, quoted [][]byte) []byte {
	dst = append(dst, '[')
	start := len(dst)
	switch {
	case t.Datatype == FP64:
		for _, p := range t.result.Probabilities {
			dst = append(strconv.AppendFloat(dst, p, 'g', -1, 64), ',')
		}
	case t.top > 0:
		t.classify(func(class int, p float64) {
			dst = appendRank(append(dst, '"'), class, p)
			dst = append(append(dst, quoted[class][1:]...), ',')
		})
	default:
		for _, class := range t.result.Best {
			dst = append(append(dst, quoted[class]...), ',')
		}
	}
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return append(dst, ']')
}

// appendRank appends the part of a classification's entry before the label: "0.98:0:".
func appendRank(dst []byte, class int, p float64) []byte {
	dst = append(strconv.AppendFloat(dst, p, 'g', -1, 64), ':')
	return append(strconv.AppendInt(dst, int64(class), 10), ':')
}

// classify calls entry for the most probable classes of every row. Ties are in class order.
func (t *Tensor) classify(entry func(class int, p float64)) {
	classes := len(t.order)
	var row []float64
	byProbability := func(a, b int) int { return cmp.Or(cmp.Compare(row[b], row[a]), cmp.Compare(a, b)) }
	for i := range t.result.Best {
		row = t.result.Probabilities[i*classes : (i+1)*classes]
		for class := range t.order {
			t.order[class] = class
		}
		slices.SortFunc(t.order, byProbability)
		for _, class := range t.order[:t.top] {
			entry(class, row[class])
		}
	}
}

// Encode appends the answer to dst. Its first header bytes are JSON, followed by the elements of the binary outputs.
// Without binary outputs, header is NoHeader.
func (r *Request) Encode(dst []byte, result *Result) (body []byte, header int) {
	start := len(dst)
	tensors := r.Tensors(result)
	var blob []byte
	var quoted [][]byte
	dst = append(dst, `{"model_name":`...)
	dst = append(dst, quote(result.Model)...)
	dst = append(dst, `,"model_version":`...)
	dst = append(dst, quote(result.Version)...)
	if r.ID != "" {
		dst = append(dst, `,"id":`...)
		dst = append(dst, quote(r.ID)...)
	}
	dst = append(dst, `,"outputs":[`...)
	header = NoHeader
	for i := range tensors {
		t := &tensors[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":"`+t.Name+`","datatype":"`+string(t.Datatype)+`","shape":`+shapeText(t.Shape)...)
		if t.Binary {
			before := len(blob)
			blob = t.AppendRaw(blob)
			dst = append(dst, `,"parameters":{"binary_data_size":`...)
			dst = append(strconv.AppendInt(dst, int64(len(blob)-before), 10), `}}`...)
			header = 0
			continue
		}
		if quoted == nil {
			quoted = quoteAll(result.Classes)
		}
		dst = append(dst, `,"data":`...)
		dst = append(t.appendJSON(dst, quoted), '}')
	}
	dst = append(dst, `]}`...)
	if header != NoHeader {
		header = len(dst) - start
	}
	return append(dst, blob...), header
}

// quoteAll returns the texts as JSON.
func quoteAll(texts []string) [][]byte {
	quoted := make([][]byte, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return quoted
}

// quote returns s as JSON, without the escapes for HTML.
func quote(s string) []byte {
	special := func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r >= utf8.RuneSelf }
	if strings.IndexFunc(s, special) < 0 {
		return []byte(`"` + s + `"`)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return []byte(`""`) // cannot happen: a string is always JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
