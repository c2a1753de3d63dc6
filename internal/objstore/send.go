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

// send makes a request with a body, and repeats it if S3 was unavailable. minio-go could repeat it too, but it rewinds
// a reader that net/http may still read for the previous attempt: if S3 answers before it has received everything, the
// two attempts share the rest. Here each attempt has a reader of its own. Nobody reads data after send returns.
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

// detachable reads from r until it is detached. It cannot seek, so minio-go does not rewind it.
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

// detach waits for a read in progress and makes later ones fail.
func (d *detachable) detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.r = nil
}
