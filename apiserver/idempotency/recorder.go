package idempotency

import (
	"bytes"
	"cmp"
	"net/http"
)

// recorder holds an answer back until it is kept.
type recorder struct {
	http.ResponseWriter
	before http.Header // of the answer, set before the operation ran
	status int         // 0 until the answer has begun
	body   bytes.Buffer
}

func record(w http.ResponseWriter) *recorder {
	return &recorder{ResponseWriter: w, before: w.Header().Clone()}
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = cmp.Or(r.status, status) }

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// Unwrap lets http.ResponseController find the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) succeeded() bool { return r.status/100 == 2 }

// answer returns the answer without what every answer has, such as the id of its request.
func (r *recorder) answer() *answer {
	header := http.Header{}
	for name, values := range r.Header() {
		if _, common := r.before[name]; !common {
			header[name] = values
		}
	}
	return &answer{Status: r.status, Header: header, Body: r.body.String()}
}

// send sends the answer, if there is one.
func (r *recorder) send() {
	if r.status == 0 {
		return
	}
	r.ResponseWriter.WriteHeader(r.status)
	_, _ = r.ResponseWriter.Write(r.body.Bytes()) // fails only for a client that hung up
}
