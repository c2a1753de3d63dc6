// Package tablefile reads tables as people have them, and turns them into the one form that Iris keeps: a plain CSV,
// which is UTF-8 with commas, RFC 4180 quotes and points in numbers.
//
// Open finds what a file is: CSV with any usual delimiter, decimal comma, encoding and line end, JSON lines or Parquet,
// plain, in gzip or in a zip file. A file that is a plain CSV passes through byte by byte, so its digest stays. Memory
// does not depend on the number of rows; a zip file and a Parquet file need room in the folder for temporary files.
//
// The package does not decide what columns mean and which rows are good; package dataset does.
package tablefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"iris/internal/dataset"
)

// Options say what is known about a file before it is read.
type Options struct {
	Reading

	Name      string // of the file; its extension may tell the format
	MediaType string // without parameters; it may tell the format
	MaxBytes  int64  // of the data without compression, and of the CSV; 0 is no limit
}

// Formats of files, and ways in which they are packed.
const (
	CSV       = "csv"
	JSONLines = "jsonl"
	Parquet   = "parquet"

	Gzip = "gzip"
	Zip  = "zip"
)

// Dialect is what a file turned out to be.
type Dialect struct {
	Format      string `json:"format"`
	Compression string `json:"compression,omitempty"` // "" for none
	Encoding    string `json:"encoding,omitempty"`    // of text; in lower case
	Delimiter   string `json:"delimiter,omitempty"`   // of a CSV
	Decimal     string `json:"decimal,omitempty"`     // of a CSV
	// Converted means that the bytes of the plain CSV are not the bytes of the file.
	Converted bool `json:"converted"`
}

// Reader reads a file as a plain CSV.
type Reader struct {
	from      *source
	r         io.Reader
	max, read int64
	err       error
	closers   []io.Closer

	found    Dialect
	header   bool
	warnings []string
	lines    lineMap
}

// sniffed is how much of a file decides what it is.
const sniffed = 64 << 10

// Open looks at the beginning of a file and returns a reader of it as a plain CSV. The caller closes the reader. Open
// and Read return an *OptionError for a wrong option, a *dataset.RowError for a file that cannot be read, with the line
// of the file, dataset.ErrTooLarge, and errors of r unchanged.
func Open(r io.Reader, o Options) (_ *Reader, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = math.MaxInt64
	}
	t := &Reader{from: &source{r: r}, max: o.MaxBytes}
	defer func() {
		if err != nil {
			err = t.explain(err)
			_ = t.Close() // the first error tells more
		}
	}()
	in := bufio.NewReaderSize(t.from, sniffed)
	in, name, err := t.unpack(in, o)
	if err != nil {
		return nil, err
	}
	o.Name = name
	if isParquet(in, o) {
		return t, t.openParquet(in)
	}
	text, err := t.decode(in, o.Encoding)
	if err != nil {
		return nil, err
	}
	if isJSONLines(text, o) {
		return t, t.openJSONLines(text)
	}
	return t, t.openCSV(text, o)
}

// Found returns what the file turned out to be.
func (t *Reader) Found() Dialect { return t.found }

// HasHeader reports whether the first record of the CSV is surely its header: the format says so, or an option does.
func (t *Reader) HasHeader() bool { return t.header }

// Warnings returns what a person may want to know about how the file was read.
func (t *Reader) Warnings() []string { return t.warnings }

// Read implements io.Reader.
func (t *Reader) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	if room := t.max - t.read; int64(n) > room {
		n, err = int(room), tooLarge(t.max)
	}
	t.read += int64(n)
	t.err = t.explain(err)
	return n, t.err
}

// Locate returns an error of a reader of the CSV with the lines of the file instead of those of the CSV.
func (t *Reader) Locate(err error) error {
	var columns *dataset.ColumnsError
	var row *dataset.RowError
	switch {
	case errors.As(err, &columns):
		moved := dataset.ColumnsError{Columns: slices.Clone(columns.Columns)}
		for i := range moved.Columns {
			moved.Columns[i] = t.moved(moved.Columns[i])
		}
		return &moved
	case errors.As(err, &row) && !errors.Is(t.err, row):
		moved := t.moved(*row)
		return &moved
	}
	return err
}

// moved returns an error with the line of the file.
func (t *Reader) moved(e dataset.RowError) dataset.RowError {
	if e.Line > 0 {
		e.Line = t.lines.find(e.Line)
	}
	return e
}

// Close removes what Open has written to the disk.
func (t *Reader) Close() error {
	var errs []error
	for _, c := range t.closers {
		errs = append(errs, c.Close())
	}
	t.closers = nil
	if t.err == nil {
		t.err = fs.ErrClosed
	}
	return errors.Join(errs...)
}

// explain returns the error of the file's source, if that has failed: what fails after it is a consequence.
func (t *Reader) explain(err error) error {
	if err != nil && t.from.err != nil {
		return t.from.err
	}
	return err
}

// source keeps the error of its reader.
type source struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // an error that wraps io.EOF is a lost connection
		s.err = err
	}
	return n, err
}

// limited fails after max bytes.
type limited struct {
	r    io.Reader
	max  int64
	read int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if room := l.max - l.read; int64(n) > room {
		n, err = int(room), tooLarge(l.max)
	}
	l.read += int64(n)
	return n, err
}

func tooLarge(limit int64) error {
	return fmt.Errorf("%w: more than %d bytes", dataset.ErrTooLarge, limit)
}
