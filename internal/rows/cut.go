package rows

import (
	"bytes"
	"io"
	"slices"

	"iris/internal/dataset"
	"iris/internal/scores"
)

// Cuts is what one pass finds in an object.
type Cuts struct {
	Header Header  // of a CSV
	Shards []Shard // in the order of the object
	Rows   int64   // in all shards, bad ones included
}

// ErrNoRows is the error for an object without rows.
var ErrNoRows = &dataset.RowError{Reason: "has no rows"}

// Cut reads a CSV or JSON Lines to the end and cuts it into shards of about target bytes, or of one longer row. It
// calls report with the number of rows so far, at most a few times per megabyte.
func Cut(r io.Reader, format scores.Format, c Columns, target int64, report func(rows int64)) (Cuts, error) {
	cut := cutter{
		window: window{r: r, data: make([]byte, maxWindowBytes)}, splitter: splitter{only: true},
		quotes: format == scores.CSV, target: target,
	}
	offset, err := cut.start()
	if err != nil {
		return Cuts{}, err
	}
	cut.shard = Shard{Offset: offset, Line: 1}
	if format == scores.CSV {
		if err := cut.header(c); err != nil {
			return Cuts{}, err
		}
	}
	for !cut.eof || len(cut.rest()) > 0 {
		n := cut.whole()
		if n == 0 {
			err = cut.oversized()
		}
		if err == nil && n == 0 && !cut.eof {
			err = cut.fill()
		}
		if err != nil {
			return Cuts{}, err
		}
		report(cut.cuts.Rows)
	}
	cut.close()
	if cut.cuts.Rows == 0 {
		return Cuts{}, ErrNoRows
	}
	return cut.cuts, nil
}

// cutter is one pass over an object.
type cutter struct {
	window
	splitter

	quotes bool // line ends inside quotes do not end a record
	target int64
	cuts   Cuts
	shard  Shard // the current one
	lines  int64 // of the current shard
}

// header reads the first record.
func (c *cutter) header(columns Columns) error {
	c.only = false
	defer func() { c.only = true }()
	for {
		p := c.rest()
		if n := emptyLine(p, c.eof); n > 0 {
			c.drop(n)
			continue
		}
		n, bad := 0, ""
		if len(p) > 0 {
			n, bad = c.split(p, c.eof)
		}
		switch {
		case n > dataset.MaxRecord || n == 0 && len(p) >= dataset.MaxRecord:
			return &dataset.RowError{Line: int(c.shard.Line), Reason: dataset.LongRecord}
		case bad != "":
			return &dataset.RowError{Line: int(c.shard.Line), Reason: "is not a header: " + bad}
		case n > 0:
			var err error
			c.cuts.Header, err = ParseHeader(c.cells, c.shard.Line, columns)
			c.drop(n)
			return err
		case c.eof:
			return ErrNoRows
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

// drop consumes bytes that belong to no shard.
func (c *cutter) drop(n int) {
	c.shard.Offset += int64(n)
	c.shard.Line += int64(bytes.Count(c.data[c.pos:c.pos+n], newline))
	c.pos += n
}

// whole consumes complete rows at the start of the window and returns their length in bytes. It takes as many as it
// can separate in one step.
func (c *cutter) whole() int {
	p := c.rest()
	if c.quotes {
		if quote := bytes.IndexByte(p, '"'); quote >= 0 {
			p = p[:bytes.LastIndexByte(p[:quote], '\n')+1]
			if len(p) == 0 {
				return c.quoted()
			}
			return c.lineByLine(p)
		}
	}
	if !c.eof {
		p = p[:bytes.LastIndexByte(p, '\n')+1]
	}
	return c.lineByLine(p)
}

// lineByLine consumes rows of one line each.
func (c *cutter) lineByLine(p []byte) int {
	taken := len(p)
	for len(p) > 0 {
		n := len(p)
		if room := c.target - c.shard.Length; room < int64(n) {
			if i := bytes.IndexByte(p[max(room-1, 0):], '\n'); i >= 0 {
				n = int(max(room-1, 0)) + i + 1
			}
		}
		rows, lines := count(p[:n])
		c.add(n, rows, lines)
		p = p[n:]
	}
	return taken
}

// quoted consumes one record with quotes, if the record ends in the window.
func (c *cutter) quoted() int {
	p := c.rest()
	n, _ := c.split(p, c.eof)
	if n == 0 || n > dataset.MaxRecord {
		return 0
	}
	c.add(n, 1, int64(bytes.Count(p[:n], newline)))
	return n
}

// oversized consumes a row that is too long, if the window begins with one.
func (c *cutter) oversized() error {
	if len(c.rest()) <= dataset.MaxRecord {
		return nil
	}
	n, lines, err := c.skip()
	c.grow(n, 1, lines)
	return err
}

// add moves rows from the window to the shard.
func (c *cutter) add(n int, rows, lines int64) {
	c.pos += n
	c.grow(int64(n), rows, lines)
}

// grow adds rows to the shard and closes the shard if it is long enough.
func (c *cutter) grow(n, rows, lines int64) {
	c.shard.Length += n
	c.shard.Rows += rows
	c.lines += lines
	c.cuts.Rows += rows
	if c.shard.Length >= c.target {
		c.close()
	}
}

// close ends the shard and drops it if it has no rows.
func (c *cutter) close() {
	next := Shard{Offset: c.shard.Offset + c.shard.Length, Line: c.shard.Line + c.lines}
	if c.shard.Rows > 0 {
		c.cuts.Shards = append(c.cuts.Shards, c.shard)
	}
	c.shard, c.lines = next, 0
}

// count counts the rows and the lines in complete lines. A line without more than blanks is not a row; count looks for
// such lines only if one begins with a blank or is empty.
func count(p []byte) (rows, lines int64) {
	lines = int64(bytes.Count(p, newline))
	if !mayBeEmpty(p[0]) && !slices.ContainsFunc(emptyLines, func(begin []byte) bool { return bytes.Contains(p, begin) }) {
		if p[len(p)-1] != '\n' {
			return lines + 1, lines
		}
		return lines, lines
	}
	for len(p) > 0 {
		if n := emptyLine(p, true); n > 0 {
			p = p[n:]
			continue
		}
		rows++
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			n = len(p)
		}
		p = p[n:]
	}
	return rows, lines
}

// emptyLines are the beginnings of empty lines and of lines of blanks, with the end of the line before.
var emptyLines = [][]byte{[]byte("\n\n"), []byte("\n\r"), []byte("\n "), []byte("\n\t")}

// mayBeEmpty reports whether a line that begins with c may be empty or have only blanks.
func mayBeEmpty(c byte) bool { return c == '\n' || c == '\r' || c == ' ' || c == '\t' }
