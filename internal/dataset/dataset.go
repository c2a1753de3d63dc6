// Package dataset reads CSV tables of numeric features with one class column: it decides which files and rows are
// good, describes their values, and chooses the rows to hold out. It knows nothing about models, storage or HTTP; rows
// in JSON are package jsonrow's.
//
// Scan has the rules of a training's CSV. Package rows reads the CSV of a batch, and package frame the CSV of other
// inference servers' clients. All three share what a record, a number and a limit is (csv.go) and differ in these:
//
//   - A header names every column for Scan, which refuses empty and repeated names, and may be missing for a model
//     with a known schema. Rows and frame require a header, find the columns that they need by name, and ignore the
//     others. Rows refuses a needed name that appears twice; frame takes the first, as pandas does. Scan and rows
//     remove the blanks around a name; frame does not.
//   - Scan and frame end at the first bad row: a dataset and an answer are whole or an error. Rows reports each bad row
//     and goes on, because one bad row must not fail a batch of a million.
//   - Scan and rows want as many cells in a row as in the first record. Frame takes a shorter row whose missing cells
//     belong to ignored columns.
//   - Scan and rows take finite decimal numbers. Frame also takes true and false, and it tells the words for a missing
//     value, such as NA, from text, because MLflow answers them differently.
//   - Scan refuses a name or a label that is not UTF-8, frame a document. Rows passes keys through as bytes and keeps a
//     CRLF inside quotes, which encoding/csv turns into LF.
//   - Scan and rows limit a record to MaxRecord and MaxColumns. A frame is a request, whose size is limited already.
//   - Rows splits records itself instead of with encoding/csv, because a shard begins at the exact byte of a record and
//     reading goes on after a malformed one.
package dataset

import "io"

// Table is a whole dataset in memory. Training needs one.
type Table struct {
	Schema Schema
	X      []float64 // row-major, len(Schema.Features) values per row, all finite, never -0
	Y      []int     // per row, an index into Schema.Classes
}

// Rows returns the number of rows.
func (t *Table) Rows() int { return len(t.Y) }

// Row returns the features of row i. The slice points into the table.
func (t *Table) Row(i int) []float64 {
	n := len(t.Schema.Features)
	return t.X[i*n : (i+1)*n : (i+1)*n]
}

// Subset copies the given rows, in the given order, into a new table. The schema stays whole, even if a class has no
// row left.
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

// Read scans a CSV as Scan does and keeps the rows. It needs about as much memory as the file has bytes. It still
// calls o.Row, if set, for every row.
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
