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

// Result is what a model says of the rows of a request.
type Result struct {
	Model, Version string
	Classes        []string
	Best           []int32   // per row, the class that is most probable
	Probabilities  []float64 // row-major, one per row and class
}

// Tensor is an output.
type Tensor struct {
	Name     string
	Datatype Datatype
	Shape    []int64
	Binary   bool

	result *Result
	top    int   // above 0: a classification of so many classes
	order  []int // of the classes of a row, for a classification
}

// Tensors are the outputs that the request asks for.
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

// Floats are the elements of a tensor of FP64, nil of another.
func (t *Tensor) Floats() []float64 {
	if t.Datatype != FP64 {
		return nil
	}
	return t.result.Probabilities
}

// Texts are the elements of a tensor of BYTES, nil of another.
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

// AppendRaw appends the elements, little-endian; before each text is its length in four bytes.
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

// appendJSON appends the elements as a flat array; quoted are the classes as JSON.
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

// appendRank appends an entry of a classification up to its label: "0.98:0:".
func appendRank(dst []byte, class int, p float64) []byte {
	dst = append(strconv.AppendFloat(dst, p, 'g', -1, 64), ':')
	return append(strconv.AppendInt(dst, int64(class), 10), ':')
}

// classify calls entry for the most probable classes of every row, the first of equals first.
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

// Encode appends the answer to dst. Its first bytes, header of them, are JSON, and behind them are the elements of the
// outputs that are to be binary; without any of those the header is NoHeader.
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

// quoteAll are the texts as JSON.
func quoteAll(texts []string) [][]byte {
	quoted := make([][]byte, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return quoted
}

// quote is s as JSON, without the escapes that only HTML needs.
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
