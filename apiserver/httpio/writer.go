package httpio

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ErrHungUp marks an answer that its client did not take.
var ErrHungUp = errors.New("the client hung up")

// pieceSize is how many bytes a client must take within StallTimeout.
const pieceSize = 64 << 10

// Writer writes an answer and gives up on a client that takes nothing of it for StallTimeout: each write moves the
// deadline of the connection.
type Writer struct {
	to      http.ResponseWriter
	control *http.ResponseController
}

// NewWriter returns a Writer to w.
func NewWriter(w http.ResponseWriter) *Writer {
	return &Writer{to: w, control: http.NewResponseController(w)}
}

// NewBufferedWriter returns a buffer before a Writer to w.
func NewBufferedWriter(w http.ResponseWriter) *bufio.Writer {
	return bufio.NewWriterSize(NewWriter(w), pieceSize)
}

// Write implements io.Writer. Its errors are ErrHungUp.
func (m *Writer) Write(p []byte) (int, error) {
	_ = m.control.SetWriteDeadline(time.Now().Add(StallTimeout)) // fails only in tests, which have no connection
	n, err := m.to.Write(p)
	if err != nil {
		return n, fmt.Errorf("%w: %w", ErrHungUp, err)
	}
	_ = m.control.SetWriteDeadline(time.Time{})
	return n, nil
}

// Send sends an answer with its Content-Length. If the answer is large, Send gives up on a client that takes nothing of
// it for StallTimeout, since the answer holds a place of Bulk meanwhile.
func Send(w http.ResponseWriter, answer []byte) error {
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(answer))}
	if len(answer) <= pieceSize {
		_, _ = w.Write(answer) // fails only for a client that hung up
		return nil
	}
	to := NewWriter(w)
	for piece := range slices.Chunk(answer, pieceSize) {
		if _, err := to.Write(piece); err != nil {
			return err
		}
	}
	return nil
}
