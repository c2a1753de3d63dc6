package httpio

import (
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// deadlines records the read deadlines that a handler sets.
type deadlines struct {
	*httptest.ResponseRecorder
	read []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = append(d.read, t)
	return nil
}

func TestExchange_movesTheDeadlineOfABody(t *testing.T) {
	for name, test := range map[string]struct {
		since time.Duration // since the deadline was set
		brief bool
		want  []bool // for each call, whether it set a deadline or removed it
	}{
		"just begun":               {want: []bool{false}},
		"just begun, soon to end":  {brief: true},
		"a while ago":              {since: StallTimeout / 2, want: []bool{true, false}},
		"a while ago, soon to end": {since: StallTimeout / 2, brief: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			x := &Exchange{
				ResponseWriter: w,
				ReadCloser:     io.NopCloser(strings.NewReader("a body in several reads")),
				pace:           pace{began: time.Now().Add(-test.since), armed: time.Now().Add(-test.since)},
				brief:          test.brief,
			}
			for buf := make([]byte, 4); ; {
				if _, err := x.Read(buf); err != nil {
					break
				}
			}
			var got []bool
			for _, at := range w.read {
				got = append(got, !at.IsZero())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("read deadlines %v, want one where %v says true", w.read, test.want)
			}
		})
	}
}
