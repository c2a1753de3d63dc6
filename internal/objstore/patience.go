package objstore

import (
	"context"
	"errors"
	"io"
	"time"
)

// answerTimeout bounds the wait for S3 to say anything at all, retries included, so that the API can tell its own
// client within three seconds that S3 is down. It does not bound how long the bytes of an object take.
const answerTimeout = 2500 * time.Millisecond

var errNoAnswer = errors.New("no answer in time")

// patience cancels a context, with the cause errNoAnswer, when S3 stays silent.
type patience struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// withPatience starts the clock. The caller releases it when the operation, including the reading of a body, is over.
func withPatience(ctx context.Context, limit time.Duration) (context.Context, *patience) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &patience{limit: limit, timer: time.AfterFunc(limit, func() { cancel(errNoAnswer) }), cancel: cancel}
}

// renew starts the clock anew: S3 has answered, and will be asked again.
func (p *patience) renew() { p.timer.Reset(p.limit) }

// answered stops the clock: S3 has answered, what follows takes the time it takes.
func (p *patience) answered() { p.timer.Stop() }

func (p *patience) release() {
	p.timer.Stop()
	p.cancel(nil)
}

// renewedBy renews the patience with each read: S3 takes the bytes.
func (p *patience) renewedBy(r io.Reader) io.Reader { return renewingReader{r, p} }

type renewingReader struct {
	io.Reader
	wait *patience
}

func (r renewingReader) Read(b []byte) (int, error) {
	r.wait.renew()
	return r.Reader.Read(b)
}
