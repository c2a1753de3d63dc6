package rows

import (
	"bytes"
	"io"

	"iris/internal/dataset"
)

// Cuts is what one pass over an object finds.
type Cuts struct {
	Header Header  // of a CSV
	Shards []Shard // one behind the other
	Rows   int64   // in all of them, bad ones too
}

// ErrNoRows is the error of an object that has none.
var ErrNoRows = &dataset.RowError{Reason: "has no rows"}

// Cut reads a CSV or JSON lines to the end and cuts it into shards of target bytes, more where a row is longer. Report
// is
// called with the rows so far, a few times per megabyte at most.
func Cut(r io.Reader, format Format, c Columns, target int64, report func(rows int64)) (Cuts, error) {
	cut := cutter{
		window: window{r: r, data: make([]byte, maxWindowBytes)}, splitter: splitter{only: true},
		quotes: format == CSV, target: target,
	}
	offset, err := cut.start()
	if err != nil {
		return Cuts{}, err
	}
	cut.shard = Shard{Offset: offset, Line: 1}
	if format == CSV {
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

	quotes bool // they may hold the end of a line
	target int64
	cuts   Cuts
	shard  Shard // that grows
	lines  int64 // of the shard
}

// header reads the first record.
func (c *cutter) header(columns Columns) error {
	c.only = false
	defer func() { c.only = true }()
	for {
		p := c.rest()
		if n := blank(p, c.eof); n > 0 {
			c.drop(n)
			continue
		}
		n, bad := 0, ""
		if len(p) > 0 {
			n, bad = c.split(p, c.eof)
		}
		switch {
		case n > maxRecord || n == 0 && len(p) >= maxRecord:
			return &dataset.RowError{Line: int(c.shard.Line), Reason: tooLong}
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

// drop takes bytes that are in no shard.
func (c *cutter) drop(n int) {
	c.shard.Offset += int64(n)
	c.shard.Line += int64(bytes.Count(c.data[c.pos:c.pos+n], newline))
	c.pos += n
}

// whole takes the whole rows at the start of the window, as many as can be told from each other at once, and returns
// how
// many bytes they are.
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

// lineByLine takes rows of a line each.
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

// quoted takes one record with quotes, if it ends in the window.
func (c *cutter) quoted() int {
	p := c.rest()
	n, _ := c.split(p, c.eof)
	if n == 0 || n > maxRecord {
		return 0
	}
	c.add(n, 1, int64(bytes.Count(p[:n], newline)))
	return n
}

// oversized takes a row that is too long, if there is one at the start of the window.
func (c *cutter) oversized() error {
	if len(c.rest()) <= maxRecord {
		return nil
	}
	n, lines, err := c.skip()
	c.grow(n, 1, lines)
	return err
}

// add takes rows from the window.
func (c *cutter) add(n int, rows, lines int64) {
	c.pos += n
	c.grow(int64(n), rows, lines)
}

// grow adds rows to the shard, which ends once it is long enough.
func (c *cutter) grow(n, rows, lines int64) {
	c.shard.Length += n
	c.shard.Rows += rows
	c.lines += lines
	c.cuts.Rows += rows
	if c.shard.Length >= c.target {
		c.close()
	}
}

// close ends the shard. One without rows is dropped.
func (c *cutter) close() {
	next := Shard{Offset: c.shard.Offset + c.shard.Length, Line: c.shard.Line + c.lines}
	if c.shard.Rows > 0 {
		c.cuts.Shards = append(c.cuts.Shards, c.shard)
	}
	c.shard, c.lines = next, 0
}

// count counts the rows in whole lines, and the lines. Empty ones, which are no rows, are looked for only where there
// are some.
func count(p []byte) (rows, lines int64) {
	lines = int64(bytes.Count(p, newline))
	if p[0] != '\n' && p[0] != '\r' && !bytes.Contains(p, []byte("\n\n")) && !bytes.Contains(p, []byte("\n\r")) {
		if p[len(p)-1] != '\n' {
			return lines + 1, lines
		}
		return lines, lines
	}
	for len(p) > 0 {
		if n := blank(p, true); n > 0 {
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
