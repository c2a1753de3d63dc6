package rows

import (
	"bytes"
	"fmt"
	"io"
)

// window is a piece of the input that moves forward. Whole records are taken from its start.
type window struct {
	r    io.Reader
	data []byte
	pos  int // of what has not been taken yet
	end  int // of what has been read
	eof  bool
}

// Sizes of a window: that of its start, and the largest, which holds a record of maxRecord and what follows it.
const (
	windowBytes    = 256 << 10
	maxWindowBytes = maxRecord + windowBytes
)

// rest is what has been read and not taken.
func (w *window) rest() []byte { return w.data[w.pos:w.end] }

// fill reads more, to the end of the window or of the input. The window grows where a record does not fit.
func (w *window) fill() error {
	if w.pos > 0 {
		w.end = copy(w.data, w.rest())
		w.pos = 0
	}
	switch {
	case w.data == nil:
		w.data = make([]byte, windowBytes)
	case w.end == len(w.data):
		larger := make([]byte, min(2*len(w.data), maxWindowBytes))
		copy(larger, w.data)
		w.data = larger
	}
	for w.end < len(w.data) && !w.eof {
		n, err := w.r.Read(w.data[w.end:])
		w.end += n
		if err == io.EOF { //nolint:errorlint // an error that wraps io.EOF is a lost connection
			w.eof = true
		} else if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
	}
	return nil
}

// start reads the first window and drops a byte order mark, whose length it returns.
func (w *window) start() (n int64, err error) {
	if err := w.fill(); err != nil {
		return 0, err
	}
	if bytes.HasPrefix(w.rest(), []byte("\xef\xbb\xbf")) {
		w.pos = 3
	}
	return int64(w.pos), nil
}

// skip drops a record that is too long: all up to the first end of a line behind maxRecord bytes. It returns how many
// bytes those are, and how many lines.
func (w *window) skip() (n, lines int64, err error) {
	drop := func(k int) {
		lines += int64(bytes.Count(w.data[w.pos:w.pos+k], newline))
		n += int64(k)
		w.pos += k
	}
	drop(maxRecord)
	for {
		if i := bytes.IndexByte(w.rest(), '\n'); i >= 0 {
			drop(i + 1)
			return n, lines, nil
		}
		drop(w.end - w.pos)
		if w.eof {
			return n, lines, nil
		}
		if err := w.fill(); err != nil {
			return n, lines, err
		}
	}
}

var newline = []byte{'\n'}
