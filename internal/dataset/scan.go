package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ScanOptions say how a CSV is read and what it is compared with.
type ScanOptions struct {
	// Known is the model's schema, nil when it has none yet.
	Known *Schema
	// LabelColumn names the class column. Default: Known.Label where the
	// header has it, else the last column.
	LabelColumn string
	// Features, when set, names the columns that are features: of the others
	// but the class column nothing is read, so they may hold anything. The
	// schema has them in this order, unless they are Known's.
	Features []string
	// AllowSchemaChange takes a file whose features are not Known's.
	AllowSchemaChange bool
	// MaxBytes a file may have; 0 or less = 1 GiB. One byte more is ErrTooLarge.
	MaxBytes int64
	// Row, when set, is called for every row: x in the order of the schema's
	// features, reused between calls, and the class with aliases applied. It is
	// called before the whole file is known to be good, and its error ends Scan.
	Row func(x []float64, class string) error
}

// Summary is what one pass tells about a CSV.
type Summary struct {
	Schema  Schema
	Profile Profile
	Bytes   int64 // length of the file
	Header  bool  // its first line names the columns
}

// Scan reads a CSV to its end and decides whether it is a dataset. These are the
// rules, and there are no others:
//
//   - UTF-8, with or without a byte order mark; RFC 4180 quotes; lines end in LF
//     or CRLF; empty lines are skipped. Names and labels have up to 256 bytes
//     and no control characters.
//   - Every row has the columns of the first one, up to 4096, at least one
//     feature and the class. A feature is a finite decimal number, blanks around
//     it don't matter. A label is any text that is not blank, byte for byte.
//   - A header names each column once, and its features, those of o.Features or
//     all of them, are Known's in any order (unless AllowSchemaChange). Without a
//     header (the first row's features are all numbers) the columns are Known's in
//     order, the label last.
//   - 2 to 1000 classes with at least two rows each.
//
// What breaks them is a *RowError; more than MaxBytes is ErrTooLarge; an error of
// the reader is wrapped, one of o.Row comes back as it is. Memory depends on the
// number of columns and classes, never on that of rows.
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

// run reads everything. The second result maps classes in order of appearance
// to their index in the schema.
func (s *scan) run(r io.Reader) (Summary, []int, error) {
	guard := newGuard(r, s.options.MaxBytes)
	buffered := bufio.NewReaderSize(guard, 64<<10)
	if mark, _ := buffered.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(len(mark)) // cannot fail: they are in the buffer
	}
	reader := csv.NewReader(buffered)
	reader.ReuseRecord = true
	reader.FieldsPerRecord = -1 // checked here, for a better text

	for {
		cells, err := reader.Read()
		if err == io.EOF { // not errors.Is: a lost connection may wrap io.EOF, and is no end of the file
			break
		}
		if err != nil {
			return Summary{}, nil, readError(err)
		}
		line, _ := reader.FieldPos(0)
		if err := s.record(cells, line); err != nil {
			return Summary{}, nil, err
		}
	}
	return s.finish(guard.read)
}

// readError makes the place of a broken quote known in our own words.
func readError(err error) error {
	var broken *csv.ParseError
	var row *RowError
	switch {
	case errors.As(err, &broken):
		reason := "a quote inside a value that isn't quoted"
		if errors.Is(broken.Err, csv.ErrQuote) {
			reason = "a quoted value that doesn't end, or has text behind its quote"
		}
		return &RowError{Line: broken.StartLine, Reason: reason}
	case errors.As(err, &row):
		return row
	}
	return fmt.Errorf("read csv: %w", err)
}

// record takes in one record: the header, or a row.
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
		return &RowError{Line: line, Reason: fmt.Sprintf("want %d values, found %d", want, len(cells))}
	}
	for i, cell := range cells {
		at := s.layout.at[i]
		if at < 0 {
			continue
		}
		v, ok := ParseCell(trim(cell))
		if !ok || !isFinite(v) {
			return &RowError{Line: line, Column: s.layout.features[at], Reason: badCell(trim(cell))}
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

func badCell(cell string) string {
	if cell == "" {
		return "empty cell, want a number"
	}
	return Shown(cell) + " is not a finite number"
}

// class counts a row for the class its label stands for.
func (s *scan) class(label string, line int) (int, error) {
	i, seen := s.labels[label]
	if !seen {
		refuse := func(reason string) (int, error) {
			return 0, &RowError{Line: line, Column: s.layout.label, Reason: reason}
		}
		if trim(label) == "" {
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
		s.labels[strings.Clone(label)] = i // a clone doesn't pin the whole record
	}
	s.classes[i].rows++
	return i, nil
}

// finish checks what only the end of the file can tell, and sums up.
func (s *scan) finish(bytes int64) (Summary, []int, error) {
	if s.layout == nil {
		return Summary{}, nil, &RowError{Reason: "the file is empty"}
	}
	if s.rows == 0 {
		return Summary{}, nil, &RowError{Reason: "no rows behind the header"}
	}
	if len(s.classes) == 1 {
		return Summary{}, nil, &RowError{
			Column: s.layout.label,
			Reason: fmt.Sprintf("one class only, %s: want at least two", Shown(s.classes[0].name)),
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
