package httpio

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A Writer sends to a client only as long as the client takes something.
func TestWriter_setsADeadlineForEveryWrite(t *testing.T) {
	w := &writeDeadlines{ResponseRecorder: httptest.NewRecorder()}
	m := NewWriter(w)
	for range 2 {
		if _, err := m.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.write) != 4 || w.write[0].IsZero() || !w.write[1].IsZero() || !w.write[3].IsZero() {
		t.Errorf("write deadlines %v, want one per write, removed after it", w.write)
	}
}

type writeDeadlines struct {
	*httptest.ResponseRecorder
	write []time.Time
}

func (d *writeDeadlines) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}

// Send gives up on a client that takes nothing of a large answer, so that its place becomes free.
func TestSend(t *testing.T) {
	large := make([]byte, 1<<20)
	w := httptest.NewRecorder()
	if err := Send(w, large); err != nil || w.Body.Len() != len(large) || w.Header().Get("Content-Length") != "1048576" {
		t.Errorf("%v, %d bytes of %s, want all of them", err, w.Body.Len(), w.Header().Get("Content-Length"))
	}
	if err := Send(gone{w}, large); !errors.Is(err, ErrHungUp) {
		t.Errorf("%v for a client that is gone, want ErrHungUp", err)
	}
}

type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
