package inference

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"iris/internal/dataset"
)

// Rows reads the inputs of a request as rows of features.
type Rows struct {
	n        int
	features []string
	columns  []column       // one per feature
	cells    *dataset.Cells // nil if all features are numbers
}

// column says where the values of a feature are. Without an Input, all of them are missing.
type column struct {
	*Input
	read         func([]byte) float64
	size         int // bytes of an element
	index        int // of the input in the request
	first, every int // index of the first element, and the distance to the next one
}

// Bind maps the inputs of the request to the features of a model: one tensor "input" with a row per row and a column
// per feature, or one tensor per feature. If cells is nil, all features are numbers. Otherwise cells say what the
// elements mean, and an optional feature needs no tensor. The error is an *Error.
func (r *Request) Bind(features []string, cells *dataset.Cells) (*Rows, error) {
	if err := r.checkOutputs(); err != nil {
		return nil, err
	}
	for i := range r.Inputs {
		if slices.ContainsFunc(r.Inputs[:i], func(in Input) bool { return in.Name == r.Inputs[i].Name }) {
			return nil, inputError(i, "name", "%s is given twice", shown(r.Inputs[i].Name))
		}
	}
	if len(r.Inputs) == 1 && r.Inputs[0].Name == InputName && (len(features) > 1 || len(r.Inputs[0].Shape) != 1) {
		return r.matrix(features, cells)
	}
	rows := &Rows{n: -1, features: features, columns: make([]column, len(features)), cells: cells}
	for i := range r.Inputs {
		in := &r.Inputs[i]
		feature := slices.Index(features, in.Name)
		if feature < 0 {
			return nil, inputError(i, "name", "input %s does not exist: want %s", shown(in.Name), wantedInputs(features))
		}
		kind, err := in.check(i, cells != nil)
		if err != nil {
			return nil, err
		}
		if len(in.Shape) != 1 && (len(in.Shape) != 2 || in.Shape[1] != 1) {
			return nil, inputError(i, "shape", "%s, want [-1] or [-1,1]", shapeText(in.Shape))
		}
		if n := int(in.Shape[0]); rows.n >= 0 && n != rows.n {
			return nil, inputError(i, "shape", "%d rows, but earlier inputs have %d", n, rows.n)
		}
		rows.n = int(in.Shape[0])
		rows.columns[feature] = column{Input: in, read: kind.read, size: kind.size, index: i, every: 1}
	}
	for i, c := range rows.columns {
		if c.Input == nil && (rows.n < 0 || cells == nil || !cells.Optional(i)) {
			return nil, Wrong("/inputs", "%s is missing: want %s", shown(features[i]), wantedInputs(features))
		}
	}
	return rows, nil
}

// matrix reads a single input with all features.
func (r *Request) matrix(features []string, cells *dataset.Cells) (*Rows, error) {
	in := &r.Inputs[0]
	want := int64(len(features))
	if in.whole {
		row := len(features) * numerics[in.Datatype].size
		if len(in.Raw)%row != 0 {
			return nil, Wrong("", "%d bytes, want a multiple of %d: a row has %d %s",
				len(in.Raw), row, len(features), in.Datatype)
		}
		in.Shape = []int64{int64(len(in.Raw) / row), want}
	}
	kind, err := in.check(0, cells != nil)
	if err != nil {
		return nil, err
	}
	if len(in.Shape) != 2 || in.Shape[1] != want {
		return nil, inputError(0, "shape", "%s, want %s", shapeText(in.Shape), shapeText([]int64{-1, want}))
	}
	rows := &Rows{n: int(in.Shape[0]), features: features, columns: make([]column, len(features)), cells: cells}
	for i := range rows.columns {
		rows.columns[i] = column{Input: in, read: kind.read, size: kind.size, first: i, every: len(features)}
	}
	return rows, nil
}

func wantedInputs(features []string) string {
	shape := shapeText([]int64{-1, int64(len(features))})
	return "one " + shown(InputName) + " of shape " + shape + ", or one per feature with its name"
}

// Len returns the number of rows.
func (r *Rows) Len() int { return r.n }

// Row copies a row into x, which has as many elements as a row of the cells, or one per feature if all are numbers. The
// error is an *Error for a value that is not one of its feature; Row allocates nothing else.
func (r *Rows) Row(row int, x []float64) error {
	if r.cells != nil {
		return r.mixed(row, x)
	}
	for i := range r.columns {
		c := &r.columns[i]
		at := c.first + row*c.every
		if c.Values != nil {
			x[i] = c.Values[at]
		} else {
			x[i] = c.read(c.Raw[at*c.size:])
		}
		if !finite(x[i]) {
			return inputError(c.index, "data/"+strconv.Itoa(at), "%v is not finite", x[i])
		}
	}
	return nil
}

// mixed is Row for features that are not all numbers.
func (r *Rows) mixed(row int, x []float64) error {
	for i := range r.columns {
		c := &r.columns[i]
		if c.Input == nil {
			x[i] = math.NaN()
			continue
		}
		at := c.first + row*c.every
		if reason := c.cell(r.cells, x, i, at); reason != "" {
			return inputError(c.index, "data/"+strconv.Itoa(at), "%s: %s", shown(r.features[i]), reason)
		}
	}
	return nil
}

// cell reads the element at an index as a value of feature i into x.
func (c *column) cell(cells *dataset.Cells, x []float64, i, at int) (reason string) {
	if c.Datatype == Bytes {
		if text := c.Texts[at]; text != nil {
			return cells.Text(x, i, text)
		}
		return cells.Missing(x, i)
	}
	var value float64
	if c.Values != nil {
		value = c.Values[at]
	} else {
		value = c.read(c.Raw[at*c.size:])
	}
	if c.Datatype == Bool && !math.IsNaN(value) {
		return cells.Bool(x, i, value == 1)
	}
	return cells.Number(x, i, value)
}

// kind returns the description of the datatype, the zero one for BYTES. Mixed inputs need not be numbers.
func (in *Input) kind(index int, mixed bool) (numeric, error) {
	if mixed && in.Datatype == Bytes {
		return numeric{}, nil
	}
	if mixed && in.Datatype == Bool {
		return boolean, nil
	}
	kind, ok := numerics[in.Datatype]
	if !ok && mixed {
		return kind, inputError(index, "datatype", "%s, want BYTES, BOOL, or a numeric datatype such as FP64",
			shown(string(in.Datatype)))
	}
	if !ok {
		return kind, inputError(index, "datatype", "%s, want a numeric datatype such as FP64", shown(string(in.Datatype)))
	}
	return kind, nil
}

// elements returns the number of elements of the shape.
func (in *Input) elements(index int) (int, error) {
	n := int64(1)
	for _, d := range in.Shape {
		switch {
		case d < 0:
			return 0, inputError(index, "shape", "%s, want sizes that are not negative", shapeText(in.Shape))
		case d > 0 && n > math.MaxInt32/d:
			return 0, inputError(index, "shape", "%s is too large", shapeText(in.Shape))
		}
		n *= d
	}
	return int(n), nil
}

// check checks that the elements fit the shape and the datatype.
func (in *Input) check(index int, mixed bool) (numeric, error) {
	kind, err := in.kind(index, mixed)
	if err != nil {
		return kind, err
	}
	elements, err := in.elements(index)
	if err != nil {
		return kind, err
	}
	if in.Datatype == Bytes {
		return kind, in.checkTexts(index, elements)
	}
	if in.Raw != nil || in.Values == nil {
		if want := elements * kind.size; len(in.Raw) != want {
			return kind, inputError(index, "", "%d bytes of data, want the %d of %s %s",
				len(in.Raw), want, in.Datatype, shapeText(in.Shape))
		}
		return kind, nil
	}
	if len(in.Values) != elements {
		return kind, inputError(index, "data", "%d elements, want the %d of shape %s",
			len(in.Values), elements, shapeText(in.Shape))
	}
	for i, v := range in.Values {
		if !kind.holds(v) && !(mixed && math.IsNaN(v)) {
			return kind, inputError(index, "data/"+strconv.Itoa(i), "%v is not a value of %s", v, in.Datatype)
		}
	}
	return kind, nil
}

// checkTexts finds the texts in Raw, and checks that there are as many as elements.
func (in *Input) checkTexts(index, elements int) error {
	const prefix = 4 // bytes of a length
	if in.Raw != nil {
		if len(in.Raw)/prefix < elements {
			return inputError(index, "", "%d bytes of data, want more for %d texts", len(in.Raw), elements)
		}
		in.Texts = make([][]byte, 0, elements)
		for raw := in.Raw; len(raw) > 0; {
			if len(raw) < prefix || uint64(binary.LittleEndian.Uint32(raw)) > uint64(len(raw)-prefix) {
				return inputError(index, "", "text %d ends after the data", len(in.Texts))
			}
			end := prefix + int(binary.LittleEndian.Uint32(raw))
			in.Texts, raw = append(in.Texts, raw[prefix:end:end]), raw[end:]
		}
	}
	if len(in.Texts) != elements {
		return inputError(index, "data", "%d elements, want the %d of shape %s",
			len(in.Texts), elements, shapeText(in.Shape))
	}
	return nil
}

// shapeText formats a shape as JSON, at most eight sizes of it.
func shapeText(shape []int64) string {
	const limit = 8
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range shape {
		if i > 0 {
			b.WriteByte(',')
		}
		if i == limit {
			b.WriteString("…")
			break
		}
		b.WriteString(strconv.FormatInt(d, 10))
	}
	b.WriteByte(']')
	return b.String()
}
