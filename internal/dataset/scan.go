package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ScanOptions say how a CSV is read and what it is compared with.
type ScanOptions struct {
	// Known is the model's schema, nil if the model has none yet.
	Known *Schema
	// LabelColumn names the class column. It defaults to Known.Label if the header has that, else to the last column.
	LabelColumn string
	// Features, if set, names the feature columns. Scan reads nothing else but the class column, so the other columns
	// may hold anything. The schema keeps this order, unless the features are Known's.
	Features []string
	// AllowSchemaChange accepts a file whose features differ from Known's.
	AllowSchemaChange bool
	// MaxBytes limits the size of the file; it defaults to 1 GiB.
	MaxBytes int64
	// Row, if set, is called for every row, with the values in the order of the schema's features and the class after
	// aliases. Calls share x. Scan calls Row before it knows that the whole file is good. An error from Row ends Scan.
	Row func(x []float64, class string) error

	// Rows is the number of rows that Read keeps, as an earlier pass counted them; 0 if nobody did. A wrong number costs
	// memory or time, and changes nothing else.
	Rows int
	// Keep, if set, tells Read which rows to keep, by their features. Calls share x. The rules and the Summary cover all
	// rows.
	Keep func(x []float64) bool
}

// Summary is what one pass finds in a CSV.
type Summary struct {
	Schema  Schema
	Profile Profile
	Bytes   int64 // length of the file
	Header  bool  // the first line names the columns
}

// Scan reads a CSV to its end and decides whether it is a dataset. The rules for a training's CSV are:
//
//   - The text is UTF-8, with or without a byte order mark. Quotes follow RFC 4180. Lines end in LF or CRLF; lines
//     without more than blanks are skipped. Names and labels have up to 256 bytes and no control characters.
//   - Every row has as many columns as the first one: up to 4096, with at least one feature and the class. A feature
//     is a finite decimal number; blanks around it are ignored. A label is any text that is not blank, byte for byte.
//   - A header names each column once. Its features (o.Features, or all of them) are Known's in any order, unless
//     AllowSchemaChange is set. A file whose first row holds numbers only, except for the label, has no header; its
//     columns are Known's in order, with the label last.
//   - There are 2 to 1000 classes with at least two rows each.
//
// Scan returns a *RowError for a file that breaks a rule and ErrTooLarge for one of more than MaxBytes. It wraps an
// error of the reader and returns an error of o.Row unchanged. Memory depends on the number of columns and classes,
// not of rows.
func Scan(r io.Reader, o ScanOptions) (Summary, error) {
	s := scan{options: o}
	s.row = s.callRow
	summary, _, err := s.run(r)
	return summary, err
}

// scan is one pass over one CSV.
type scan struct {
	options ScanOptions
	row     func(x []float64, class int) error // class: in order of appearance

	layout  *layout
	rows    int
	columns []column // by feature
	x       []float64

	labels  map[string]int // label as written -> class
	classes []classSeen    // in order of appearance
}

// classSeen counts the rows of a class.
type classSeen struct {
	name string
	rows int
	line int // of its first row
}

// run reads the whole file. The second result maps each class, in order of appearance, to its index in the schema.
func (s *scan) run(r io.Reader) (Summary, []int, error) {
	guard := newGuard(r, s.options.MaxBytes)
	reader := NewCSVReader(bufio.NewReaderSize(guard, 64<<10))
	for {
		cells, err := reader.Read()
		if err == io.EOF { // not errors.Is: the error of a lost connection may wrap io.EOF
			break
		}
		if err != nil {
			return Summary{}, nil, readError(err)
		}
		if IsBlank(cells) {
			continue
		}
		line, _ := reader.FieldPos(0)
		if err := s.record(cells, line); err != nil {
			return Summary{}, nil, err
		}
	}
	return s.finish(guard.read)
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

// record adds one record: the header, or a row.
func (s *scan) record(cells []string, line int) error {
	if s.layout == nil {
		l, err := newLayout(cells, line, s.options)
		if err != nil {
			return err
		}
		s.layout = l
		s.labels = make(map[string]int)
		s.x = make([]float64, len(l.features))
		s.columns = make([]column, len(l.features))
		if l.header {
			return nil
		}
	}
	if want := len(s.layout.at); len(cells) != want {
		return &RowError{Line: line, Reason: WrongLength(want, len(cells))}
	}
	for i, cell := range cells {
		at := s.layout.at[i]
		if at < 0 {
			continue
		}
		v, ok := ParseCell(cell)
		if !ok || !isFinite(v) {
			return &RowError{Line: line, Column: s.layout.features[at], Reason: badCell(TrimCell(cell))}
		}
		s.x[at] = v
	}
	class, err := s.class(cells[s.layout.labelAt], line)
	if err != nil {
		return err
	}
	s.rows++
	share := 1 / float64(s.rows)
	for i, v := range s.x {
		s.columns[i].add(v, share)
	}
	return s.row(s.x, class)
}

// class counts a row for the class of its label.
func (s *scan) class(label string, line int) (int, error) {
	i, seen := s.labels[label]
	if !seen {
		refuse := func(reason string) (int, error) {
			return 0, &RowError{Line: line, Column: s.layout.label, Reason: reason}
		}
		if TrimCell(label) == "" {
			return refuse("empty cell, want a class")
		}
		if bad := badName(label); bad != "" {
			return refuse("the class is " + bad)
		}
		name := s.options.Known.class(label)
		i = slices.IndexFunc(s.classes, func(c classSeen) bool { return c.name == name })
		if i < 0 {
			if len(s.classes) == maxClasses {
				return refuse(fmt.Sprintf("more than %d classes: is it the class column?", maxClasses))
			}
			i = len(s.classes)
			s.classes = append(s.classes, classSeen{name: strings.Clone(name), line: line})
		}
		s.labels[strings.Clone(label)] = i // a clone does not keep the whole record in memory
	}
	s.classes[i].rows++
	return i, nil
}

// finish checks what can be checked only at the end of the file, and sums up.
func (s *scan) finish(bytes int64) (Summary, []int, error) {
	if s.layout == nil {
		return Summary{}, nil, &RowError{Reason: "the file is empty"}
	}
	if s.rows == 0 {
		return Summary{}, nil, &RowError{Reason: "no rows after the header"}
	}
	if len(s.classes) == 1 {
		return Summary{}, nil, &RowError{
			Column: s.layout.label,
			Reason: fmt.Sprintf("only one class, %s: want at least two", Shown(s.classes[0].name)),
		}
	}
	for _, c := range s.classes {
		if c.rows == 1 {
			return Summary{}, nil, &RowError{
				Line: c.line, Column: s.layout.label,
				Reason: fmt.Sprintf("the class %s has one row: want at least two", Shown(c.name)),
			}
		}
	}

	schema := Schema{Features: s.layout.features, Label: s.layout.label}
	for _, c := range s.classes {
		schema.Classes = append(schema.Classes, c.name)
	}
	slices.Sort(schema.Classes)
	schema.Aliases = s.options.Known.aliasesOf(schema.Classes)

	order := make([]int, len(s.classes))
	profile := Profile{
		Rows:    s.rows,
		Columns: make([]ColumnProfile, len(s.columns)),
		Classes: make([]ClassCount, len(s.classes)),
	}
	for i, name := range schema.Features {
		profile.Columns[i] = s.columns[i].profile(name, s.rows)
	}
	for i, c := range s.classes {
		order[i], _ = slices.BinarySearch(schema.Classes, c.name)
		profile.Classes[order[i]] = ClassCount{Class: c.name, Rows: c.rows}
	}
	return Summary{Schema: schema, Profile: profile, Bytes: bytes, Header: s.layout.header}, order, nil
}

func (s *scan) callRow(x []float64, class int) error {
	if s.options.Row == nil {
		return nil
	}
	return s.options.Row(x, s.classes[class].name)
}
