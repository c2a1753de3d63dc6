package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"iris/internal/literal"
	"iris/internal/tally"
)

// Header says whether the first line of a CSV names the columns.
type Header string

// The values of Header.
const (
	HeaderAuto Header = ""     // it does unless it is all numbers; see Scan
	HeaderTrue Header = "true" // it does, even if the names are numbers
)

// Ignore is the value of ScanOptions.Columns for a column that is not read.
const Ignore = "ignore"

// ScanOptions say how a CSV is read and what it is compared with.
type ScanOptions struct {
	// Known is the model's schema, nil if the model has none yet.
	Known *Schema
	// LabelColumn names the class column. It defaults to Known.Label if the header has that, else to the last column,
	// or to another one if the last one clearly does not hold a class; see scan.chooseLabel.
	LabelColumn string
	// Features, if set, names the feature columns. Scan reads nothing else but the class column, so the other columns
	// may hold anything. The schema keeps this order, unless the features are Known's.
	Features []string
	// Columns gives the kind of columns by their name, a Kind or Ignore. Scan infers that of all others.
	Columns map[string]string
	// HashText keeps columns of free text, as Text. Without it, Scan leaves out those that it finds.
	HashText bool
	// MissingValues are the texts that mean that a value is missing; nil means Known's, or DefaultMissing.
	MissingValues []string
	// AllowMissing says that values of any feature may be missing at a prediction, although none is in the file.
	AllowMissing bool
	// LeaveOutIDs leaves out columns that have another value in every row, and are consecutive numbers or texts.
	LeaveOutIDs bool
	// MinClassRows is the number of rows that a class needs; 2 if it is smaller. Rows of other classes are left out.
	MinClassRows int
	Header       Header
	// AllowSchemaChange accepts a file whose features differ from Known's.
	AllowSchemaChange bool
	// MaxBytes limits the size of the file; it defaults to 1 GiB.
	MaxBytes int64

	// Schema is what Scan found in the file with these options. Read needs it.
	Schema *Schema
	// Rows is the number of rows that Read keeps, as an earlier pass counted them; 0 if nobody did. A wrong number costs
	// memory or time, and changes nothing else.
	Rows int
	// Keep, if set, tells Read which rows to keep, by their features. Calls share x.
	Keep func(x []float64) bool
}

// Summary is what one pass finds in a CSV.
type Summary struct {
	Schema   Schema
	Profile  Profile
	Bytes    int64 // length of the file
	Header   bool  // the first line names the columns
	Warnings []Warning
	Dropped  int // rows without a class, or of a class with too few rows
	// LabelReason says why Schema.Label is the class column.
	LabelReason string
}

// Scan reads a CSV to its end and decides whether it is a dataset, and how its cells become numbers. The rules for a
// training's CSV are:
//
//   - The text is UTF-8, with or without a byte order mark. Quotes follow RFC 4180. Lines end in LF or CRLF; empty
//     lines and lines of blanks are skipped. Names and labels have up to 256 bytes and no control characters. Blanks
//     around names, cells and labels do not count.
//   - Every row has as many columns as the first one: up to 4096, with at least one feature and the class.
//   - A header names each column once. Its features (o.Features, or all of them) are Known's in any order, unless
//     AllowSchemaChange is set. A file whose first row holds numbers only, except for the label, has no header; its
//     columns are Known's in order, with the label last.
//   - The kind of a feature follows from all of its cells; see observed.infer. A feature of the model keeps its kind.
//   - Rows without a class are left out, and those of a class with fewer than MinClassRows rows. There are 2 to 1000
//     other classes.
//
// Scan returns a *RowError for a file that breaks a rule, a *ColumnsError if several columns do, and ErrTooLarge for
// one of more than MaxBytes. It wraps an error of the reader. Memory depends on the number of columns, classes and
// levels, not of rows.
func Scan(r io.Reader, o ScanOptions) (Summary, error) {
	s := scan{options: o}
	guard, err := records(r, o.MaxBytes, s.record)
	if err != nil {
		return Summary{}, err
	}
	summary, err := s.finish()
	if err != nil {
		return Summary{}, err
	}
	summary.Bytes = guard.read
	return summary, nil
}

// records calls a function for each record of a CSV that is not a line of blanks.
func records(r io.Reader, maxBytes int64, record func(cells []string, line int) error) (*guard, error) {
	guard := newGuard(r, maxBytes)
	reader := NewCSVReader(bufio.NewReaderSize(guard, 64<<10))
	for {
		cells, err := reader.Read()
		if err == io.EOF { // not errors.Is: the error of a lost connection may wrap io.EOF
			return guard, nil
		}
		if err != nil {
			return guard, readError(err)
		}
		if len(cells) == 1 && literal.Trim(cells[0]) == "" {
			continue
		}
		line, _ := reader.FieldPos(0)
		if err := record(cells, line); err != nil {
			return guard, err
		}
	}
}

// readError makes a *RowError of a misplaced quote.
func readError(err error) error {
	var broken *csv.ParseError
	var row *RowError
	switch {
	case errors.As(err, &broken):
		return &RowError{Line: broken.StartLine, Reason: QuoteReason(broken)}
	case errors.As(err, &row):
		return row
	}
	return fmt.Errorf("read csv: %w", err)
}

// scan is one pass over one CSV.
type scan struct {
	options ScanOptions
	words   map[string]struct{} // that mean that a value is missing

	layout  *layout
	rows    int         // with a label
	columns []*observed // by feature
	labels  *labels
	last    *observed // the last column, if it holds the class only because none is given
	equal   tally.Rows
}

// record adds one record: the header, or a row.
func (s *scan) record(cells []string, line int) error {
	if s.layout == nil {
		if err := s.start(cells, line); err != nil || s.layout.header {
			return err
		}
	}
	if want := len(s.layout.at); len(cells) != want {
		return &RowError{Line: line, Reason: WrongLength(want, len(cells))}
	}
	label := cells[s.layout.labelAt]
	if !s.labels.add(label, line) && (s.last == nil || blank(cells)) {
		return nil
	}
	s.rows++
	share := 1 / float64(s.rows)
	hash := uint64(0)
	for i, cell := range cells {
		if at := s.layout.at[i]; at >= 0 {
			hash = bits.RotateLeft64(hash, 5)*tally.Odd ^ s.columns[at].add(cell, line, s.rows, share, s.words)
		}
	}
	if s.last != nil {
		s.last.add(label, line, s.rows, share, s.words)
	}
	s.equal.Add(tally.Mix(hash), tally.Hash(literal.Trim(label)))
	return nil
}

// blank reports whether no cell has a value.
func blank(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { return literal.Trim(cell) != "" })
}

// start lays out the columns by the first record.
func (s *scan) start(cells []string, line int) error {
	l, err := newLayout(cells, line, s.options)
	if err != nil {
		return err
	}
	s.layout = l
	s.words = missingWords(s.missingValues())
	s.labels = newLabels(s.options.Known, s.options.MissingValues)
	s.columns = make([]*observed, len(l.features))
	for i, name := range l.features {
		known := s.known(name)
		want := Kind(s.options.Columns[name])
		free := want == "" && s.options.AllowSchemaChange
		if want == "" && known != nil {
			want = known.Kind
		}
		s.columns[i] = newObserved(name, want, len(l.features))
		s.columns[i].free = free
	}
	if !l.given {
		s.last = newObserved(l.label, "", len(l.features))
	}
	return nil
}

func (s *scan) missingValues() []string {
	if s.options.MissingValues == nil && s.options.Known != nil {
		return s.options.Known.MissingValues
	}
	return s.options.MissingValues
}

// known returns the model's column of a name, nil if it has none.
func (s *scan) known(name string) *Column {
	if s.options.Known == nil {
		return nil
	}
	i := slices.Index(s.options.Known.Features, name)
	if i < 0 {
		return nil
	}
	column := s.options.Known.Column(i)
	return &column
}
