package httpio

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// leaver is a client that takes some bytes of an answer and then nothing more.
type leaver struct {
	*httptest.ResponseRecorder
	takes     int
	deadlines []time.Time
}

func (l *leaver) Write(p []byte) (int, error) {
	if l.takes -= len(p); l.takes < 0 {
		return 0, errors.New("i/o timeout")
	}
	return l.ResponseRecorder.Write(p)
}

func (l *leaver) SetWriteDeadline(t time.Time) error {
	l.deadlines = append(l.deadlines, t)
	return nil
}

// The deadline of a large answer moves with every piece, so that a client that does not read cannot hold its place.
func TestSendCompressed_givesUpOnAClientThatTakesNothing(t *testing.T) {
	body := []byte(strings.Repeat("0123456789abcdef", 64<<10))
	for _, coding := range []string{"", "gzip", "deflate"} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Accept-Encoding", coding)
		patient := &leaver{ResponseRecorder: httptest.NewRecorder(), takes: 2 * len(body)}
		if err := SendCompressed(patient, r, body); err != nil {
			t.Errorf("%q: %v", coding, err)
		}
		n := len(patient.deadlines)
		if n < 2 || !patient.deadlines[n-1].IsZero() || time.Until(patient.deadlines[0]) > StallTimeout {
			t.Errorf("%q: deadlines %v, want one before each piece and none at the end", coding, patient.deadlines)
		}
		if coding == "" && len(patient.deadlines) < 2*len(body)/(64<<10) {
			t.Errorf("%d deadlines for %d bytes, want one for each piece", len(patient.deadlines), len(body))
		}
		gone := &leaver{ResponseRecorder: httptest.NewRecorder(), takes: 100}
		if err := SendCompressed(gone, r, body); !errors.Is(err, ErrHungUp) {
			t.Errorf("%q: %v, want the client to be given up", coding, err)
		}
	}
}
