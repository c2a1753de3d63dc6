package objstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// retryWait is the time between two attempts to send a body.
const retryWait = 100 * time.Millisecond

// send makes a request with a body, again when S3 was unavailable. minio-go could repeat it too, but rewinds the reader
// that net/http may still be sending for the attempt before: when S3 answers before it has read everything, the two
// share what is left. Here each attempt has a reader of its own, and data is free when send returns.
func (u *upload) send(ctx context.Context, data []byte, request func(body io.Reader) error) error {
	for attempt := 1; ; attempt++ {
		body := &detachable{r: bytes.NewReader(data)}
		err := translate(ctx, u.doing, request(body))
		body.detach()
		if attempt == attempts || !errors.Is(err, ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return translate(ctx, u.doing, ctx.Err())
		case <-time.After(retryWait):
		}
	}
}

var errDetached = errors.New("the attempt is over")

// detachable passes a reader on until it is detached. It cannot be rewound, which keeps minio-go from trying.
type detachable struct {
	mu sync.Mutex
	r  io.Reader
}

func (d *detachable) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.r == nil {
		return 0, errDetached
	}
	return d.r.Read(p)
}

// detach returns when nobody reads any more.
func (d *detachable) detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.r = nil
}
