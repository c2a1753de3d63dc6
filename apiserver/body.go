package apiserver

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
)

const (
	maxRow     = 1 << 20 // bytes of the JSON of one row, and of every other small document
	bulkBodies = 8       // bodies over maxRow that are held in memory at once
)

// mediaType is the type of the body, "" when none is named. A charset other than UTF-8 is refused.
func mediaType(r *http.Request) (string, error) {
	header := first(r.Header, "Content-Type")
	if header == "" || header == "application/json" { // what nearly every client sends
		return header, nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", newProblem(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %q is malformed", clip(header)))
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") &&
		!strings.EqualFold(charset, "us-ascii") {
		return "", newProblem(
			http.StatusUnsupportedMediaType,
			fmt.Sprintf("charset %q is not understood: send UTF-8", clip(charset)),
		)
	}
	return media, nil
}

// wantJSON refuses a body that says it is something else. One that says nothing is taken for JSON.
func wantJSON(r *http.Request) error {
	media, err := mediaType(r)
	if err != nil {
		return err
	}
	if media != "" && media != "application/json" {
		return newProblem(
			http.StatusUnsupportedMediaType,
			fmt.Sprintf("Content-Type %q is not understood: send application/json", clip(media)),
		)
	}
	return nil
}

// readBody appends the body of r to buf, at most limit bytes.
func readBody(r *http.Request, buf []byte, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return buf, &http.MaxBytesError{Limit: limit}
	}
	buf, more, err := readUpTo(r.Body, buf, limit)
	if more {
		err = &http.MaxBytesError{Limit: limit}
	}
	return buf, err
}

// readBulk is readBody for bodies that may be large. Only so many of those are held at once: the memory of the process
// is bounded, whatever its clients do together. The caller releases the body, also after an error.
func (s *Server) readBulk(r *http.Request, limit int64) (body []byte, release func(), err error) {
	release = func() {}
	if r.ContentLength > limit {
		return nil, release, &http.MaxBytesError{Limit: limit}
	}
	body, more, err := readUpTo(r.Body, nil, min(limit, maxRow))
	if more && limit > maxRow {
		if release, err = s.takeBulk(); err != nil {
			return nil, release, err
		}
		body, more, err = readUpTo(r.Body, body, limit)
	}
	if more {
		err = &http.MaxBytesError{Limit: limit}
	}
	return body, release, err
}

// takeBulk takes one of the places for what is large, until release is called. It does not wait for one.
func (s *Server) takeBulk() (release func(), err error) {
	select {
	case s.bulk <- struct{}{}:
		return func() { <-s.bulk }, nil
	default:
		return func() {}, unavailable(
			fmt.Sprintf("%d large bodies are being worked on already; try again", cap(s.bulk)),
			retryAfter,
			nil,
		)
	}
}

// readUpTo appends what r holds to buf, until its end or until buf has more than limit bytes.
func readUpTo(r io.Reader, buf []byte, limit int64) (_ []byte, more bool, err error) {
	const atLeast = 4 << 10
	for int64(len(buf)) <= limit {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, atLeast)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, int64(len(buf)) > limit, nil
		}
		if err != nil {
			return buf, false, badBody(err)
		}
	}
	return buf, true, nil
}

// buffered lets next read a small JSON body that has arrived whole, so that what can go wrong while reading is answered
// as on every other route.
func (s *Server) buffered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := wantJSON(r)
		var body []byte
		if err == nil {
			body, err = readBody(r, nil, maxRow)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// scratch is what a prediction needs besides the model.
type scratch struct {
	body, answer  []byte
	x             []float64 // of a single row
	probabilities []float64 // of all rows, one after the other
	best          []int     // of an array of rows
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// reset makes room for a row and for its probabilities.
func (b *scratch) reset(features, classes int) {
	b.body, b.answer = b.body[:0], b.answer[:0]
	b.x, b.probabilities = resized(b.x, features), resized(b.probabilities, classes)
}

// free gives b back, unless an unusually large body has made it one that is not worth keeping.
func (b *scratch) free() {
	const worthKeeping = 64 << 10
	if cap(b.body)+cap(b.answer)+8*(cap(b.x)+cap(b.probabilities)+cap(b.best)) <= worthKeeping {
		scratches.Put(b)
	}
}

func resized(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}
