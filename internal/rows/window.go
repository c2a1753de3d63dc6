package rows

import (
	"bytes"
	"fmt"
	"io"

	"iris/internal/dataset"
)

// window is a part of the input that moves forward. Complete records are consumed from its start.
type window struct {
	r    io.Reader
	data []byte
	pos  int // start of the bytes that are not consumed
	end  int // end of the bytes that were read
	eof  bool
}

// Sizes of a window: the initial one, and the largest, which holds a record of dataset.MaxRecord bytes and more.
const (
	windowBytes    = 256 << 10
	maxWindowBytes = dataset.MaxRecord + windowBytes
)

// rest returns the bytes that were read and not consumed.
func (w *window) rest() []byte { return w.data[w.pos:w.end] }

// fill reads to the end of the window or of the input. It enlarges a window that is full.
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
		if err == io.EOF { //nolint:errorlint // the error of a lost connection may wrap io.EOF
			w.eof = true
		} else if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
	}
	return nil
}

// start reads the first window, drops one or two byte order marks and returns their length.
func (w *window) start() (n int64, err error) {
	if err := w.fill(); err != nil {
		return 0, err
	}
	for range dataset.MaxMarks {
		if bytes.HasPrefix(w.rest(), []byte(dataset.ByteOrderMark)) {
			w.pos += len(dataset.ByteOrderMark)
		}
	}
	return int64(w.pos), nil
}

// skip drops a record that is too long: everything up to the first line end after dataset.MaxRecord bytes. It returns
// the number of bytes and of lines.
func (w *window) skip() (n, lines int64, err error) {
	drop := func(k int) {
		lines += int64(bytes.Count(w.data[w.pos:w.pos+k], newline))
		n += int64(k)
		w.pos += k
	}
	drop(dataset.MaxRecord)
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
