package activities

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"strconv"
	"strings"

	"iris/internal/objstore"
	"iris/internal/rows"
	"iris/internal/scores"
)

// sink writes an object while its content is produced. It creates no object before the first byte or after an error.
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

// sinkBuffer is how many bytes are passed to the upload at a time.
const sinkBuffer = 64 << 10

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	if s.out == nil {
		s.open()
	}
	return s.out.Write(p)
}

// open starts the upload in a goroutine, which ends with close.
func (s *sink) open() {
	reader, writer := io.Pipe()
	s.pipe, s.out, s.ended = writer, bufio.NewWriterSize(writer, sinkBuffer), make(chan struct{})
	go func() {
		defer close(s.ended)
		s.ref, s.err = s.begin(reader)
		reader.CloseWithError(cmp.Or(s.err, io.ErrClosedPipe)) // a later Write returns the reason
	}()
}

// close completes the object, or aborts it if err is not nil. It returns the zero Ref if nothing was written.
func (s *sink) close(err error) (objstore.Ref, error) {
	if s.out == nil {
		return objstore.Ref{}, nil
	}
	if err == nil {
		err = s.out.Flush()
	}
	s.pipe.CloseWithError(err) // nil ends the object
	<-s.ended
	return s.ref, s.err
}

// badRows writes the file of a shard's bad rows: a CSV with the reason for each.
type badRows struct {
	object string // that has the rows; "" unless the batch has a prefix
	safe   bool   // guards the texts, see scores.Guard
	out    *sink
	line   []byte
}

// maxBadRowReason limits the description of a bad row in results, in bytes.
const maxBadRowReason = 400

// badRowsHeader returns the first line of the file of bad rows.
func badRowsHeader(prefix bool) string {
	if prefix {
		return "object,line,column,reason\n"
	}
	return "line,column,reason\n"
}

// badRowsObject returns the name of an object in the file of bad rows, "" for a batch of one object.
func (p *batchPlan) badRowsObject(i int) string {
	if !p.Prefix {
		return ""
	}
	return p.Objects[i].Name
}

// write adds a bad row to the file.
func (b *badRows) write(bad rows.Bad) error {
	b.line = b.line[:0]
	if b.object != "" {
		b.line = append(b.field(b.object), ',')
	}
	b.line = append(strconv.AppendInt(b.line, bad.Line, 10), ',')
	b.line = append(b.field(bad.Column), ',')
	b.line = append(b.field(bad.Reason), '\n')
	_, err := b.out.Write(b.line)
	return err
}

// field returns the line with a text added.
func (b *badRows) field(text string) []byte {
	if b.safe {
		return scores.Guard(b.line, []byte(text))
	}
	return append(b.line, csvField(text)...)
}

// describe describes a bad row in a sentence.
func (b *badRows) describe(bad rows.Bad) string {
	text := bad.Error()
	if b.object != "" {
		text = b.object + ": " + text
	}
	if len(text) > maxBadRowReason {
		text = strings.ToValidUTF8(text[:maxBadRowReason], "") + "…"
	}
	return text
}

// csvField quotes a value if CSV requires it.
func csvField(s string) string {
	if strings.ContainsAny(s, ",\"\r\n") || strings.TrimSpace(s) != s {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}
