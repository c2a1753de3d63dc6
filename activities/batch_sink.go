package activities

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"

	"iris/internal/objstore"
	"iris/internal/rows"
)

// sink is an object that is written as it comes. Nothing is stored before the first byte, nor after an error.
type sink struct {
	begin func(io.Reader) (objstore.Ref, error)
	pipe  *io.PipeWriter // nil before the first byte
	out   *bufio.Writer
	ended chan struct{}
	ref   objstore.Ref
	err   error
}

func (a *Activities) newSink(ctx context.Context, key, contentType string) *sink {
	return &sink{begin: func(r io.Reader) (objstore.Ref, error) {
		return a.o.Store.Put(ctx, a.o.Bucket, key, r, -1, contentType)
	}}
}

// sinkBuffer is what is handed over at once.
const sinkBuffer = 64 << 10

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	if s.out == nil {
		s.open()
	}
	return s.out.Write(p)
}

// open begins the upload. Its goroutine ends with close.
func (s *sink) open() {
	reader, writer := io.Pipe()
	s.pipe, s.out, s.ended = writer, bufio.NewWriterSize(writer, sinkBuffer), make(chan struct{})
	go func() {
		defer close(s.ended)
		s.ref, s.err = s.begin(reader)
		reader.CloseWithError(firstOf(s.err, io.ErrClosedPipe)) // whoever still writes hears why nobody reads
	}()
}

// close ends the object, or gives it up for an error. It returns the zero Ref when nothing was written.
func (s *sink) close(err error) (objstore.Ref, error) {
	if s.out == nil {
		return objstore.Ref{}, nil
	}
	if err == nil {
		err = s.out.Flush()
	}
	s.pipe.CloseWithError(err) // nil is the end of the object
	<-s.ended
	return s.ref, s.err
}

// badRows writes the lines of an errors file.
type badRows struct {
	object string // "" when there is one object alone
	out    *sink
	line   []byte
}

// longestReason bounds a bad row's description, which crosses the wire.
const longestReason = 400

// errorsHeader is the first line of the errors of a batch.
func errorsHeader(prefix bool) string {
	if prefix {
		return "object,line,column,reason\n"
	}
	return "line,column,reason\n"
}

// errorObject is what bad rows of an object name it.
func (p *batchPlan) errorObject(i int) string {
	if !p.Prefix {
		return ""
	}
	return p.Objects[i].Name
}

func (b *badRows) write(bad rows.Bad) error {
	b.line = b.line[:0]
	if b.object != "" {
		b.line = append(append(b.line, csvField(b.object)...), ',')
	}
	b.line = append(strconv.AppendInt(b.line, bad.Line, 10), ',')
	b.line = append(append(b.line, csvField(bad.Column)...), ',')
	b.line = append(append(b.line, csvField(bad.Reason)...), '\n')
	_, err := b.out.Write(b.line)
	return err
}

func (b *badRows) describe(bad rows.Bad) string {
	text := bad.Error()
	if b.object != "" {
		text = b.object + ": " + text
	}
	if len(text) > longestReason {
		text = strings.ToValidUTF8(text[:longestReason], "") + "…"
	}
	return text
}

// csvField quotes a value where CSV needs it.
func csvField(s string) string {
	if strings.ContainsAny(s, ",\"\r\n") || strings.TrimSpace(s) != s {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}
