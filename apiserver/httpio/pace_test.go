package httpio

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// link is the connection of a client that sends size bytes, and some of them every period.
type link struct {
	*httptest.ResponseRecorder
	left, some int
	period     time.Duration
	until      time.Time
}

func (l *link) SetReadDeadline(t time.Time) error {
	l.until = t
	return nil
}

func (l *link) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	if !l.until.IsZero() && time.Now().Add(l.period).After(l.until) {
		time.Sleep(time.Until(l.until))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(l.period)
	n := min(l.some, l.left, len(p))
	l.left -= n
	return n, nil
}

func (l *link) Close() error { return nil }

func TestExchange_paceOfABody(t *testing.T) {
	for _, test := range []struct {
		name        string
		left, some  int
		period      time.Duration
		store       time.Duration // that the handler takes for each piece
		brief       bool
		late        bool
		least, most time.Duration
	}{
		{
			name: "a byte every 5 s", left: 1000, some: 1, period: 5 * time.Second, late: true,
			least: time.Minute, most: 2 * time.Minute,
		},
		{
			name: "a prediction of a byte every 5 s", left: 1000, some: 1, period: 5 * time.Second, brief: true, late: true,
			least: time.Minute, most: time.Minute,
		},
		{
			name: "no byte at all", left: 1000, some: 1, period: 10 * time.Minute, late: true,
			least: time.Minute, most: time.Minute,
		},
		{
			name: "a slow and honest link", left: 1 << 30, some: 64 << 10, period: 4 * time.Second,
			least: 18 * time.Hour, most: 19 * time.Hour,
		},
		{
			name: "less than the least rate", left: 1 << 30, some: 64 << 10, period: 10 * time.Second, late: true,
			least: 4 * time.Minute, most: 6 * time.Minute,
		},
		{
			name: "a store that takes its time", left: 1 << 20, some: 64 << 10, period: time.Second, store: 5 * time.Minute,
			least: 80 * time.Minute, most: 81 * time.Minute,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				l := &link{
					ResponseRecorder: httptest.NewRecorder(), left: test.left, some: test.some, period: test.period,
					until: now.Add(StallTimeout), // by the server
				}
				x := &Exchange{ResponseWriter: l, ReadCloser: l, pace: pace{began: now, armed: now}}
				x.SetBrief(test.brief)
				var err error
				buf := make([]byte, 128<<10)
				for err == nil {
					if _, err = x.Read(buf); err == nil && test.store > 0 {
						time.Sleep(test.store)
					}
				}
				took := time.Since(now)
				if late := errors.Is(err, os.ErrDeadlineExceeded); late != test.late || took < test.least || took > test.most {
					t.Errorf("ended after %s with %v, want between %s and %s", took, err, test.least, test.most)
				}
			})
		})
	}
}

func TestBodyError_tooSlow(t *testing.T) {
	if err := BodyError(os.ErrDeadlineExceeded); !strings.Contains(err.Error(), "8 KiB a second") {
		t.Errorf("got %v, want the least rate", err)
	}
	_, more, err := ReadUpTo(bytes.NewReader([]byte("abc")), nil, 2)
	if !more || err != nil {
		t.Errorf("more %v, %v", more, err)
	}
}
