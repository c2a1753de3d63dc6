package dataset

import (
	"errors"
	"fmt"
	"io"

	"iris/internal/literal"
)

// Read reads the rows of a CSV into a table and keeps those that o.Keep accepts, all if that is nil. o.Schema says how
// cells become numbers, as Scan found it with the same options. Rows whose label is not one of its classes are left
// out. If o.Rows says how many rows are kept, Read allocates the table once, so it needs rows times columns times 8
// bytes, and a record at a time beside them. Otherwise the table grows, and the largest copies of it need about twice
// as much.
//
// Without o.Schema, Read scans the file first. The reader must then be an io.Seeker. The Summary is that of Scan; with
// o.Schema it has nothing but the schema.
func Read(r io.Reader, o ScanOptions) (*Table, Summary, error) {
	var summary Summary
	if o.Schema == nil {
		seeker, ok := r.(io.Seeker)
		if !ok {
			return nil, summary, errors.New("read csv: without a schema the reader must be able to seek")
		}
		start, err := seeker.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, summary, fmt.Errorf("read csv: %w", err)
		}
		if summary, err = Scan(r, o); err != nil {
			return nil, Summary{}, err
		}
		if _, err := seeker.Seek(start, io.SeekStart); err != nil {
			return nil, Summary{}, fmt.Errorf("read csv: %w", err)
		}
		o.Schema = &summary.Schema
	}
	summary.Schema = *o.Schema
	t := NewTable(*o.Schema)
	err := Each(r, o, func(x []float64, class int) error {
		if o.Keep != nil && !o.Keep(x) {
			return nil
		}
		if t.Y == nil {
			t.X, t.Y = make([]float64, 0, o.Rows*len(x)), make([]int, 0, o.Rows)
		}
		t.X = append(t.X, x...)
		t.Y = append(t.Y, class)
		return nil
	})
	if err != nil {
		return nil, Summary{}, err
	}
	return t, summary, nil
}

// NewTable returns a table without rows.
func NewTable(s Schema) *Table { return &Table{Schema: s, Codes: s.codes()} }

// Each calls a function for each row of a CSV with the values and the class that o.Schema gives them. Calls share x.
// Each returns an error of the function unchanged.
func Each(r io.Reader, o ScanOptions, row func(x []float64, class int) error) error {
	e := encoder{options: o, cells: NewCells(*o.Schema), classes: map[string]int{}, row: row}
	e.x = make([]float64, e.cells.Width())
	for label, class := range o.Schema.Aliases {
		for i, name := range o.Schema.Classes {
			if name == class {
				e.classes[label] = i
			}
		}
	}
	for i, name := range o.Schema.Classes {
		e.classes[name] = i
	}
	_, err := records(r, o.MaxBytes, e.record)
	return err
}

// encoder turns the records of a CSV into the values of a schema.
type encoder struct {
	options ScanOptions
	cells   *Cells
	classes map[string]int // by label
	row     func(x []float64, class int) error

	layout *layout
	x      []float64
	text   []byte
}

func (e *encoder) record(cells []string, line int) error {
	if e.layout == nil {
		l, err := schemaLayout(cells, line, e.options)
		if err != nil {
			return err
		}
		if e.layout = l; l.header {
			return nil
		}
	}
	if want := len(e.layout.at); len(cells) != want {
		return &RowError{Line: line, Reason: WrongLength(want, len(cells))}
	}
	label := cells[e.layout.labelAt]
	class, ok := e.classes[label] // schemas of earlier versions have classes with blanks around them
	if !ok {
		class, ok = e.classes[literal.Trim(label)]
	}
	if !ok {
		return nil
	}
	for i, cell := range cells {
		at := e.layout.at[i]
		if at < 0 {
			continue
		}
		if e.cells.columns[at].kind() == Numeric {
			if v, ok := literal.ParseShort(cell); ok {
				e.x[at] = v + 0
				continue
			}
			if v, ok := ParseCell(cell); ok && literal.IsFinite(v) {
				e.x[at] = v
				continue
			}
		}
		e.text = append(e.text[:0], cell...)
		if reason := e.cells.Text(e.x, at, e.text); reason != "" {
			return &RowError{Line: line, Column: e.layout.features[at], Reason: reason}
		}
	}
	return e.row(e.x, class)
}

// codes returns the number of codes of each feature, as Table.Codes has them.
func (s *Schema) codes() []int {
	var codes []int
	for i := range s.Columns {
		n := s.Column(i).Codes()
		if n == 0 {
			continue
		}
		if codes == nil {
			codes = make([]int, len(s.Columns))
		}
		codes[i] = n
	}
	return codes
}
