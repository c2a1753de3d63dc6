package apiserver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stallTimeout is how long a body or an answer may stand still before its connection is given up.
const stallTimeout = time.Minute

// requestIDHeader is in every answer and in every log line about a request. A client may choose it.
const requestIDHeader = "X-Request-Id"

// serve is what happens to every request before and after its route.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	x := &exchange{
		ResponseWriter: w,
		ReadCloser:     r.Body,
		head:           r.Method == http.MethodHead,
		began:          now,
		armed:          now,
		status:         http.StatusOK,
	}
	s.metrics.unmatched.of(x)
	x.id[0] = s.requests.of(first(r.Header, requestIDHeader))
	w.Header()[requestIDHeader] = x.id[:]
	defer s.end(x, r)
	if r.Body == nil || r.Body == http.NoBody {
		x.readDeadline(time.Time{}) // it was for the body
	} else {
		r.Body = x
	}
	if err := decompress(r); err != nil {
		s.fail(x, r, err)
		return
	}
	s.router.ServeHTTP(x, canonical(r))
}

// end counts the request, and answers for a handler that panicked. One that had begun to answer is cut off, so that the
// client does not take what it has for the whole.
func (s *Server) end(x *exchange, r *http.Request) {
	v := recover()
	if v == nil {
		x.done(x.status)
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		x.done(aborted)
		panic(v)
	}
	s.log(x).
		Error("a handler panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if x.started {
		x.done(aborted)
		panic(http.ErrAbortHandler)
	}
	answerProblem(x, r, newProblem(http.StatusInternalServerError, internalDetail), nil)
	x.done(x.status)
}

// canonical is r as the router knows its routes: a trailing slash means nothing, and HEAD is GET whose body net/http
// leaves out.
func canonical(r *http.Request) *http.Request {
	slash := len(r.URL.Path) > 1 && strings.HasSuffix(r.URL.Path, "/")
	if !slash && r.Method != http.MethodHead {
		return r
	}
	c := *r // a copy, since the server looks at its own to see that a HEAD gets no body
	if c.Method == http.MethodHead {
		c.Method = http.MethodGet
	}
	if slash {
		u := *r.URL
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
		c.URL = &u
	}
	return &c
}

// exchange is one request and its answer. It knows whether the answer has begun, and gives the connection up when the
// body stands still. All that a request needs of its own is in it: it is one allocation.
type exchange struct {
	http.ResponseWriter
	io.ReadCloser      // the body of the request
	head          bool // only the header of the answer is asked for
	started       bool
	brief         bool // the handler ends soon after it has read the body
	status        int
	began         time.Time
	armed         time.Time // when the read deadline was last set, at first by the server
	id            [1]string // the value of requestIDHeader
	route         *routeMetrics
	duration      prometheus.Observer // that of the route, or of the version that answers
}

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	x.started, x.status = true, status
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	x.started = true
	return x.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Read reads the body of the request. The deadline moves with the bytes that arrive, and is gone at the end: it would
// otherwise cancel a handler that takes its time after having read everything. After a deadline that has passed it
// stays:
// the server would wait for the rest of the body before it sends the answer.
func (x *exchange) Read(p []byte) (int, error) {
	n, err := x.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !x.brief {
		x.readDeadline(time.Time{})
	}
	if err != nil {
		return n, err
	}
	const often = stallTimeout / 8 // a deadline per read would be waste
	if now := time.Now(); now.Sub(x.armed) > often {
		x.armed = now
		x.readDeadline(now.Add(stallTimeout))
	}
	return n, nil
}

// readDeadline sets the deadline where there is a connection to have one; a test may have none.
func (x *exchange) readDeadline(t time.Time) {
	_ = http.NewResponseController(x.ResponseWriter).SetReadDeadline(t)
}

// decompress makes a compressed body readable as if it had been sent plain; every limit counts the plain bytes.
func decompress(r *http.Request) error {
	switch coding := strings.ToLower(first(r.Header, "Content-Encoding")); coding {
	case "", "identity":
		return nil
	case codingGzip, codingDeflate:
		plain, err := decompressor(coding, r.Body)
		if err != nil {
			return newProblem(http.StatusBadRequest, fmt.Sprintf("the body is not %s, though Content-Encoding says so", coding))
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{plain, r.Body}
		r.ContentLength = -1
		return nil
	default:
		p := newProblem(
			http.StatusUnsupportedMediaType,
			fmt.Sprintf("Content-Encoding %q is not understood: send the body plain, as gzip or as deflate", clip(coding)),
		)
		p.header = http.Header{"Accept-Encoding": {codingGzip + ", " + codingDeflate}}
		return p
	}
}

// requestIDs numbers the requests of a process under a prefix that no other process has.
type requestIDs struct {
	prefix string
	last   *atomic.Uint64
}

func newRequestIDs() requestIDs {
	return requestIDs{prefix: strings.ToLower(rand.Text()[:8]) + "-", last: new(atomic.Uint64)}
}

// of returns the id that the client chose, when it is fit for a log, or the next one.
func (ids requestIDs) of(id string) string {
	const longest = 64
	if id != "" && len(id) <= longest && strings.Trim(id, idCharacters) == "" {
		return id
	}
	var buf [longest]byte
	return string(strconv.AppendUint(append(buf[:0], ids.prefix...), ids.last.Add(1), 10))
}

const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"

// first is the first value of a header whose name is written as net/http writes it: Get would check that every time.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
