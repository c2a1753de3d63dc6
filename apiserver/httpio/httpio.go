// Package httpio reads the bodies of requests and writes answers: within limits, compressed or not, and only as long as
// the client keeps moving. It knows no resource of the API; a route is a handler that returns an error.
package httpio

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"iris/apiserver/problem"
)

// StallTimeout is how long a body or an answer may stand still before its connection is closed.
const StallTimeout = time.Minute

// MinRate is how many bytes of a body must arrive in a second, on average after the first StallTimeout. At this rate,
// 1 GiB takes 36 hours.
const MinRate = 8 << 10

// JSONType is the Content-Type of JSON, as the value of a header: to share it costs no allocation.
var JSONType = []string{"application/json"}

// DependencyTimeout bounds one question to Temporal, the object store or MLflow, so that a request is answered within
// 3 s with a 503 when a dependency is down. Transfers of data have no such bound.
const DependencyTimeout = 2500 * time.Millisecond

// ErrNoAnswer is the cause of a context that ended because a dependency did not answer in time.
var ErrNoAnswer = fmt.Errorf("no answer within %s", DependencyTimeout)

// WithDeadline returns a context for one question to a dependency.
func WithDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, DependencyTimeout, ErrNoAnswer)
}

// WriteJSON sends v as JSON. It does not escape what only HTML would need, so a link is readable.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	return writeJSON(w, status, JSONType, v)
}

// WriteProblem sends a problem with its header.
func WriteProblem(w http.ResponseWriter, p *problem.Problem) {
	SetHeader(w, p)
	_ = writeJSON(w, p.Status, problemType, p) // cannot fail: a problem is strings and numbers
}

var problemType = []string{problem.MediaType}

// SetHeader sets the header that a problem asks for.
func SetHeader(w http.ResponseWriter, p *problem.Problem) {
	header := w.Header()
	for name, values := range p.Header {
		header[name] = values
	}
}

// Quote returns s as JSON, without the escapes that only HTML needs.
func Quote(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return `""` // cannot happen: a string is always JSON
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

func writeJSON(w http.ResponseWriter, status int, mediaType []string, v any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode %T: %w", v, err)
	}
	w.Header()["Content-Type"] = mediaType
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // fails only for a client that hung up
	return nil
}
