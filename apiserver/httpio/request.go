package httpio

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RequestIDHeader is in every answer and in every log line about a request. A client may choose its value.
const RequestIDHeader = "X-Request-Id"

// Exchange is one request and its answer: the ResponseWriter that a Handler passes to its routes. It knows whether the
// answer has begun, and closes the connection when the body stands still or arrives too slowly. It holds everything
// that one request needs, so that a request costs one allocation.
type Exchange struct {
	http.ResponseWriter
	io.ReadCloser      // the body of the request
	pace               // of the body
	head          bool // the client wants only the header of the answer
	started       bool
	brief         bool // the handler ends soon after it has read the body
	status        int
	id            [1]string // the value of RequestIDHeader
	route         *RouteMetrics
	duration      prometheus.Observer // of the route, or of the version that answers
}

// WriteHeader implements http.ResponseWriter.
func (x *Exchange) WriteHeader(status int) {
	x.started, x.status = true, status
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *Exchange) Write(p []byte) (int, error) {
	x.started = true
	return x.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the connection.
func (x *Exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Read reads the body of the request. The deadline moves with the bytes that arrive, as pace says. At the end of the
// body Read removes it: it would otherwise cancel a handler that takes its time afterwards. A deadline that has passed
// stays, because without it the server would wait for the rest of the body before it sends the answer.
func (x *Exchange) Read(p []byte) (int, error) {
	x.read = true
	if x.brief { // a small body has the deadline that the server set
		n, err := x.ReadCloser.Read(p)
		x.ended = err != nil
		return n, err
	}
	if now := time.Now(); x.resume(now) {
		x.setReadDeadline(x.deadline(now))
	}
	n, err := x.ReadCloser.Read(p)
	if err != nil {
		x.ended = true
		if errors.Is(err, io.EOF) {
			x.setReadDeadline(time.Time{})
		}
		return n, err
	}
	if now := time.Now(); x.pause(now, n) {
		x.setReadDeadline(x.deadline(now))
	}
	return n, nil
}

// SetBrief says whether the handler ends soon after it has read the body. If so, the read deadline stays, and a system
// call is saved. A handler that takes longer than it thought sets brief to false.
func (x *Exchange) SetBrief(brief bool) {
	if x.brief && !brief {
		now := time.Now()
		x.pause(now, 0)
		if x.ended {
			x.setReadDeadline(time.Time{})
		} else {
			x.setReadDeadline(x.deadline(now))
		}
	}
	x.brief = brief
}

// Route returns the metrics of the route that answers.
func (x *Exchange) Route() *RouteMetrics { return x.route }

// SetDuration makes o the observer of the duration of the request, instead of that of the route.
func (x *Exchange) SetDuration(o prometheus.Observer) { x.duration = o }

// setReadDeadline sets the deadline of the connection. In a test there may be no connection.
func (x *Exchange) setReadDeadline(t time.Time) {
	_ = http.NewResponseController(x.ResponseWriter).SetReadDeadline(t)
}

// requestIDs numbers the requests of a process under a prefix that no other process has.
type requestIDs struct {
	prefix string
	last   *atomic.Uint64
}

func newRequestIDs() requestIDs {
	return requestIDs{prefix: strings.ToLower(rand.Text()[:8]) + "-", last: new(atomic.Uint64)}
}

// of returns the id that the client chose when it is fit for a log, or the next one.
func (ids requestIDs) of(id string) string {
	const longest = 64
	if id != "" && len(id) <= longest && strings.Trim(id, idCharacters) == "" {
		return id
	}
	var buf [longest]byte
	return string(strconv.AppendUint(append(buf[:0], ids.prefix...), ids.last.Add(1), 10))
}

const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"

// headerValue returns the first value of a header whose name is canonical. http.Header.Get would check the name.
func headerValue(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
