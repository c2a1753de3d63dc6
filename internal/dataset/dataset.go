// Package dataset reads CSV tables with one class column: it decides which files and rows are good and what their
// columns are, turns cells into numbers, and describes them. It knows nothing about models, storage or HTTP. Rows in
// JSON are package jsonrow's, and the rows to hold out are package partition's.
//
// Three readers read CSV: Scan and Read for a training, package rows for a batch, and package frame for clients of
// other inference servers. All three share what a record, a number and a limit is (csv.go). They differ in these:
//
//   - Header. For Scan, a header names every column. Scan refuses an empty or repeated name, and needs no header if the
//     model has a schema. Package rows and package frame require a header, find the columns that they need by name, and
//     ignore the others. If a needed name appears twice, package rows refuses the file and package frame takes the
//     first column, as pandas does. Package frame keeps the blanks around a name; the other two remove them.
//   - Bad row. Scan and package frame end at the first bad row, because a dataset or an answer is whole or an error.
//     Package rows reports a bad row and goes on, because one bad row must not fail a batch of a million.
//   - Row length. Scan and package rows want as many cells in a row as in the first record. Package frame accepts a
//     shorter row if the missing cells belong to ignored columns.
//
// - Number. All three accept finite decimal numbers. For a model of numbers alone, package frame also accepts true and
// false, and it tells the words for a missing value, such as NA, from text, because MLflow answers them differently.
//
//	  For any other model, Cells read the values for all three.
//	- Encoding. Scan refuses a name or a label that is not UTF-8. Package frame refuses a document that is not UTF-8.
//	  Package rows reports a row with a key that is not UTF-8, reads over other cells, and keeps a CRLF inside quotes,
//	  which encoding/csv turns into LF.
//	- Limits. Scan and package rows limit a record to MaxRecord and MaxColumns. A frame is a request, which has a
//	  limit of its own.
//	- Splitting. Package rows splits records without encoding/csv, because a shard begins at the exact byte of a record
//	  and reading goes on after a malformed one.
package dataset

// Table is a whole dataset in memory. Training needs one.
type Table struct {
	Schema Schema
	// X has the rows, Schema.Width() values each: one per feature, as Schema.Columns says, and after them TextValues per
	// feature of the kind Text, in the order of the features. Those of a missing text are of no meaning. X has no -0.
	X []float64
	Y []int // per row, an index into Schema.Classes
	// Codes says, per feature, how many codes a categorical feature has: its values are the whole numbers from 0 up to,
	// but not including, that count. It is 0 for a number, and nil if all features are numbers.
	Codes []int
}

// Rows returns the number of rows.
func (t *Table) Rows() int { return len(t.Y) }

// Row returns the values of row i. The slice points into the table.
func (t *Table) Row(i int) []float64 {
	n := t.Schema.Width()
	return t.X[i*n : (i+1)*n : (i+1)*n]
}

// Subset copies the given rows, in the given order, into a new table. The schema stays whole, even if a class has no
// row left.
func (t *Table) Subset(rows []int) *Table {
	sub := &Table{
		Schema: t.Schema,
		X:      make([]float64, 0, len(rows)*t.Schema.Width()),
		Y:      make([]int, 0, len(rows)),
		Codes:  t.Codes,
	}
	for _, row := range rows {
		sub.X = append(sub.X, t.Row(row)...)
		sub.Y = append(sub.Y, t.Y[row])
	}
	return sub
}

// Keep drops all rows but the given ones, which ascend, from t. It needs no memory: the rows move to the front of X and
// Y.
func (t *Table) Keep(rows []int) {
	n := t.Schema.Width()
	for to, row := range rows {
		copy(t.X[to*n:(to+1)*n], t.Row(row))
		t.Y[to] = t.Y[row]
	}
	t.X, t.Y = t.X[:len(rows)*n], t.Y[:len(rows)]
}
