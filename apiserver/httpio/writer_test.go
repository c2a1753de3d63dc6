package httpio

import (
	"net/http/httptest"
	"testing"
	"time"
)

// Results are sent to a client only as long as it takes them.
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
