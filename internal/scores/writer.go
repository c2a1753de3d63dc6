package scores

import (
	"fmt"
	"io"
	"math"
	"slices"
)

// Writer writes rows in order. Only one goroutine may use it.
type Writer struct {
	layout Layout
	to     io.Writer
	rows   int64
	table  *table // of Parquet; nil for a format of lines

	// The text around the values of a line, prepared once.
	quote  func(dst, s []byte) []byte
	open   [][]byte // before each key, then before each probability
	labels [][]byte // each class and the text before it
	end    []byte

	lines []byte // not written yet
}

// flushAt is the number of bytes that Writer collects, so that it writes seldom.
const flushAt = 64 << 10

// NewWriter returns a writer of rows. It writes CSV without the header (see Header), and Parquet as a complete file.
func (l Layout) NewWriter(w io.Writer) (*Writer, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	out := &Writer{layout: l, to: w}
	if l.Format == Parquet {
		out.table = newTable(l, w)
		return out, nil
	}
	out.surround()
	out.lines = make([]byte, 0, flushAt+flushAt/4)
	return out, nil
}

// surround prepares the text that is the same in every line.
func (w *Writer) surround() {
	names := w.layout.Columns()
	before := make([][]byte, len(names))
	for i, name := range names {
		if w.layout.Format == JSONL {
			before[i] = append(appendJSON([]byte{','}, []byte(name)), ':')
			if i == 0 {
				before[i][0] = '{'
			}
		} else if i > 0 {
			before[i] = []byte{','}
		}
	}
	w.quote, w.end = w.layout.appendText, []byte("\n")
	if w.layout.Format == JSONL {
		w.quote, w.end = appendJSON, []byte("}\n")
	}
	keys := len(w.layout.Keys)
	w.open = append(append(w.open, before[:keys]...), before[keys+1:]...)
	for _, class := range w.layout.Classes {
		w.labels = append(w.labels, w.quote(slices.Clone(before[keys]), []byte(class)))
	}
}

// Write writes a row: the text of each key, the index of the class and, unless the layout has labels only, the
// probability of each class. It does not retain its arguments, and does not allocate for a line.
func (w *Writer) Write(keys [][]byte, label int, probabilities []float64) error {
	if err := w.check(keys, label, probabilities); err != nil {
		return fmt.Errorf("row %d of the scores: %w", w.rows+1, err)
	}
	w.rows++
	if w.table != nil {
		return w.table.write(keys, label, probabilities)
	}
	line := w.lines
	for i, key := range keys {
		line = w.quote(append(line, w.open[i]...), key)
	}
	line = append(line, w.labels[label]...)
	if w.layout.Probabilities {
		for i, p := range probabilities {
			line = AppendNumber(append(line, w.open[len(keys)+i]...), p)
		}
	}
	w.lines = append(line, w.end...)
	if len(w.lines) < flushAt {
		return nil
	}
	return w.flush()
}

func (w *Writer) check(keys [][]byte, label int, probabilities []float64) error {
	if len(keys) != len(w.layout.Keys) {
		return fmt.Errorf("%d keys, want %d", len(keys), len(w.layout.Keys))
	}
	if label < 0 || label >= len(w.layout.Classes) {
		return fmt.Errorf("%d is not the index of one of %d classes", label, len(w.layout.Classes))
	}
	if !w.layout.Probabilities {
		return nil
	}
	if len(probabilities) != len(w.layout.Classes) {
		return fmt.Errorf("%d probabilities, want %d", len(probabilities), len(w.layout.Classes))
	}
	for _, p := range probabilities {
		if math.IsNaN(p) || math.IsInf(p, 0) {
			return fmt.Errorf("a probability is %v", p)
		}
	}
	return nil
}

func (w *Writer) flush() error {
	_, err := w.to.Write(w.lines)
	w.lines = w.lines[:0]
	if err != nil {
		return fmt.Errorf("write scores: %w", err)
	}
	return nil
}

// Rows returns the number of rows that were written.
func (w *Writer) Rows() int64 { return w.rows }

// Close writes what is left. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.table != nil {
		return w.table.close()
	}
	return w.flush()
}
