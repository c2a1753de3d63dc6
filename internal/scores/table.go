package scores

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Sizes in a Parquet file.
const (
	// chunk is the number of rows that are passed to parquet-go together.
	chunk = 1024
	// groupBytes limits a row group before compression. A row group is in memory until it is written.
	groupBytes = 32 << 20
	// groupRows limits a row group of narrow rows.
	groupRows = 1 << 18
)

// schema returns the layout as a Parquet schema: text columns for the keys, a dictionary for the label, and doubles.
func (l Layout) schema() *parquet.Schema {
	nodes := make(parquet.Group)
	for _, key := range l.Keys {
		nodes[key] = parquet.String()
	}
	nodes[labelColumn] = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	if l.Probabilities {
		for _, class := range l.Classes {
			nodes[probabilityPrefix+class] = parquet.Leaf(parquet.DoubleType)
		}
	}
	// parquet.Group sorts its fields by name, but the columns of every format are in the order of the layout.
	sorted := make(map[string]parquet.Field, len(nodes))
	for _, field := range nodes.Fields() {
		sorted[field.Name()] = field
	}
	root := columnGroup{Group: nodes}
	for _, name := range l.Columns() {
		root.fields = append(root.fields, sorted[name])
	}
	return parquet.NewSchema("scores", root)
}

// columnGroup is a group with its own order of fields.
type columnGroup struct {
	parquet.Group
	fields []parquet.Field
}

func (g columnGroup) Fields() []parquet.Field { return g.fields }

// newFile begins a Parquet file. Writer and Joiner use the same settings, otherwise a joiner would have to decode what
// it copies.
func (l Layout) newFile(w io.Writer) *parquet.GenericWriter[any] {
	return parquet.NewGenericWriter[any](
		w,
		l.schema(),
		parquet.Compression(&parquet.Snappy),
		parquet.DataPageStatistics(true),
	)
}

// table writes rows as Parquet.
type table struct {
	file    *parquet.GenericWriter[any]
	columns []*parquet.ColumnWriter
	classes []parquet.Value

	values  [][]parquet.Value // by column, up to chunk
	text    []byte            // the keys in values point into it
	grouped int64             // rows in the current row group
	groupOf int64             // rows of a full row group
}

func newTable(l Layout, w io.Writer) *table {
	file := l.newFile(w)
	t := &table{file: file, columns: file.ColumnWriters()}
	for _, class := range l.Classes {
		t.classes = append(t.classes, parquet.ByteArrayValue([]byte(class)))
	}
	t.values = make([][]parquet.Value, len(t.columns))
	for i := range t.values {
		t.values[i] = make([]parquet.Value, 0, chunk)
	}
	const cell = 16 // bytes of a number, or of a key of usual length
	t.groupOf = min(groupRows, max(chunk, int64(groupBytes/(cell*len(t.columns)))))
	return t
}

func (t *table) write(keys [][]byte, label int, probabilities []float64) error {
	for i, key := range keys {
		start := len(t.text)
		t.text = appendUTF8(t.text, key)
		t.add(i, parquet.ByteArrayValue(t.text[start:len(t.text):len(t.text)]))
	}
	t.add(len(keys), t.classes[label])
	for i := len(keys) + 1; i < len(t.columns); i++ {
		t.add(i, parquet.DoubleValue(probabilities[i-len(keys)-1]))
	}
	if len(t.values[0]) < chunk {
		return nil
	}
	return t.pass()
}

func (t *table) add(column int, v parquet.Value) {
	t.values[column] = append(t.values[column], v.Level(0, 0, column))
}

// pass passes the rows to parquet-go and ends a full row group.
func (t *table) pass() error {
	for i, column := range t.columns {
		if _, err := column.WriteRowValues(t.values[i]); err != nil {
			return fmt.Errorf("write scores: %w", err)
		}
	}
	t.grouped += int64(len(t.values[0]))
	for i := range t.values {
		t.values[i] = t.values[i][:0]
	}
	t.text = t.text[:0]
	if t.grouped < t.groupOf {
		return nil
	}
	t.grouped = 0
	if err := t.file.Flush(); err != nil {
		return fmt.Errorf("write scores: %w", err)
	}
	return nil
}

func (t *table) close() error {
	if err := t.pass(); err != nil {
		return err
	}
	if err := t.file.Close(); err != nil {
		return fmt.Errorf("write scores: %w", err)
	}
	return nil
}
