package httpio

import (
	"io"
	"net/http"
	"time"
)

// Limits of what is read of a body that is refused.
const (
	discardBytes = 256 << 20
	discardTime  = 15 * time.Second
	keptBytes    = 256 << 10 // of a body that net/http reads by itself, to keep the connection
)

// closeConnection is the value of the header Connection that ends the connection after the answer.
var closeConnection = []string{"close"}

// withBody returns r with x as its body. A client that waits for 100 Continue gets a copy of the request: net/http must
// still find its own body in its own request, or it would ask for a body that nobody wants before it sends an answer.
func (x *Exchange) withBody(r *http.Request) *http.Request {
	if headerValue(r.Header, "Expect") != "" {
		c := *r
		r = &c
	}
	r.Body = x
	return r
}

// refuseBody prepares an answer that comes before the end of the body. It reports whether the caller must discard the
// rest of the body after the answer. The connection then ends, so that the answer need not wait for the rest.
func (x *Exchange) refuseBody(r *http.Request) (rest bool) {
	switch {
	case x.ended:
		return false
	case headerValue(r.Header, "Expect") != "" && !x.read: // the client has not begun to send
		return false
	case r.ContentLength >= 0 && r.ContentLength <= keptBytes:
		return false
	}
	x.Header()["Connection"] = closeConnection
	return true
}

// discardBody sends the answer and reads the rest of the body, within limits. A client that sends its whole body before
// it reads would otherwise see a connection that was reset, and not the answer.
func (x *Exchange) discardBody() {
	if err := http.NewResponseController(x.ResponseWriter).Flush(); err != nil {
		return // the client hung up
	}
	x.setReadDeadline(time.Now().Add(discardTime))
	_, _ = io.CopyN(io.Discard, x.ReadCloser, discardBytes) // the answer is sent, whatever the rest is
}
