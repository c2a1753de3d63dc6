// Package dataset reads CSV tables of numeric features with one class column: it decides which file and which row is
// good, describes the values, and chooses the rows that are held out. It knows nothing about models, storage or HTTP;
// rows in JSON are package jsonrow's.
package dataset

import "io"

// Table is a whole dataset in memory, as training needs it.
type Table struct {
	Schema Schema
	X      []float64 // row-major, len(Schema.Features) values a row, all finite, never -0
	Y      []int     // one index into Schema.Classes a row
}

// Rows is the number of rows.
func (t *Table) Rows() int { return len(t.Y) }

// Row returns the features of row i. The slice points into the table.
func (t *Table) Row(i int) []float64 {
	n := len(t.Schema.Features)
	return t.X[i*n : (i+1)*n : (i+1)*n]
}

// Subset copies the named rows, in the order given, into a table of its own.
// The schema stays whole: a class may be left without a row.
func (t *Table) Subset(rows []int) *Table {
	sub := &Table{
		Schema: t.Schema,
		X:      make([]float64, 0, len(rows)*len(t.Schema.Features)),
		Y:      make([]int, 0, len(rows)),
	}
	for _, row := range rows {
		sub.X = append(sub.X, t.Row(row)...)
		sub.Y = append(sub.Y, t.Y[row])
	}
	return sub
}

// Read is Scan that keeps the rows. It needs about as much memory as the file
// is long; o.Row, when set, is still called for every row.
func Read(r io.Reader, o ScanOptions) (*Table, Summary, error) {
	t := &Table{}
	s := scan{options: o}
	s.row = func(x []float64, class int) error {
		t.X = append(t.X, x...)
		t.Y = append(t.Y, class)
		return s.callRow(x, class)
	}
	summary, order, err := s.run(r)
	if err != nil {
		return nil, Summary{}, err
	}
	for i, seen := range t.Y {
		t.Y[i] = order[seen]
	}
	t.Schema = summary.Schema
	return t, summary, nil
}
