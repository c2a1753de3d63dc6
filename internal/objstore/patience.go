package objstore

import (
	"context"
	"errors"
	"io"
	"time"
)

// answerTimeout bounds the wait for the first sign of S3, including retries, so that the API can tell its own client
// within three seconds that S3 is down. It does not bound the transfer of an object.
const answerTimeout = 2500 * time.Millisecond

var errNoAnswer = errors.New("no answer in time")

// patience cancels a context with the cause errNoAnswer if S3 stays silent.
type patience struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// withPatience starts the clock. The caller calls release at the end of the operation, after it has read the body.
func withPatience(ctx context.Context, limit time.Duration) (context.Context, *patience) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &patience{limit: limit, timer: time.AfterFunc(limit, func() { cancel(errNoAnswer) }), cancel: cancel}
}

// renew restarts the clock: S3 has answered, and the next request starts.
func (p *patience) renew() { p.timer.Reset(p.limit) }

// answered stops the clock: S3 has answered, and the transfer may take any time.
func (p *patience) answered() { p.timer.Stop() }

func (p *patience) release() {
	p.timer.Stop()
	p.cancel(nil)
}

// renewedBy returns a reader that renews the patience with each read: S3 accepts bytes.
func (p *patience) renewedBy(r io.Reader) io.Reader { return renewingReader{r, p} }

type renewingReader struct {
	io.Reader
	wait *patience
}

func (r renewingReader) Read(b []byte) (int, error) {
	r.wait.renew()
	return r.Reader.Read(b)
}
