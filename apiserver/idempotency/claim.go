package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"

	"iris/apiserver/httpio"
	"iris/internal/objstore"
)

// claim is a request that is under way.
type claim struct {
	answers *Answers
	key     string // of the object
	entry   entry
	etag    string // of the entry in the store

	lost   bool
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when nothing renews the claim
}

// errLost means that another claim has the key. A request ends with it if its process stood still for longer than the
// lease.
var errLost = errors.New("another process has claimed the idempotency key")

// put writes the entry, if it is still the one that the claim knows. Otherwise it returns the entry that it found, and
// errLost; the next put replaces that one.
func (c *claim) put(ctx context.Context) (found entry, err error) {
	store, bucket := c.answers.store, c.answers.bucket
	const attempts = 3
	for range attempts {
		var etag string
		etag, err = store.PutJSONIf(ctx, bucket, c.key, c.etag, c.entry)
		if err == nil {
			c.etag = etag
			return c.entry, nil
		}
		if !errors.Is(err, objstore.ErrChanged) {
			return found, fmt.Errorf("keep the answer to an idempotency key: %w", err)
		}
		found = entry{}
		etag, err = store.GetJSONUnless(ctx, bucket, c.key, "", &found)
		if err != nil && !errors.Is(err, objstore.ErrNotExist) {
			return found, fmt.Errorf("read the answer to an idempotency key: %w", err)
		}
		c.etag = etag // "" if the entry has expired
		switch {
		case err != nil:
		case found.Claim != c.entry.Claim:
			return found, errLost
		case found.Until.Equal(c.entry.Until) && (found.Answer != nil) == (c.entry.Answer != nil):
			return found, nil // the answer of the store was lost
		}
	}
	return found, err
}

// renew renews the lease until stop is called. The context that it returns ends when the claim is lost.
func (c *claim) renew(ctx context.Context) context.Context {
	ctx, c.cancel = context.WithCancelCause(ctx)
	c.ended = make(chan struct{})
	go func() {
		defer close(c.ended)
		tick := time.NewTicker(c.answers.lease / 3)
		defer tick.Stop()
		for until := c.entry.Until; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			c.entry.Until = time.Now().UTC().Add(c.answers.lease)
			_, err := c.lasting(ctx)
			switch {
			case err == nil:
				until = c.entry.Until
			case errors.Is(err, errLost), time.Now().After(until):
				c.lost = true
				c.cancel(errLost)
				return
			}
		}
	}()
	return ctx
}

// stop ends renew.
func (c *claim) stop() {
	c.cancel(nil)
	<-c.ended
}

// end frees the key if an is nil, and otherwise keeps the answer. If that fails, the lease ends by itself, and the same
// request runs again.
func (c *claim) end(ctx context.Context, an *answer) {
	if c.lost {
		return
	}
	c.entry.Until, c.entry.Answer = time.Time{}, an
	if an == nil {
		c.entry.Fingerprint = ""
	}
	_, _ = c.lasting(ctx)
}

// lasting is put, also after ctx has ended.
func (c *claim) lasting(ctx context.Context) (entry, error) {
	ctx, cancel := httpio.WithDeadline(context.WithoutCancel(ctx))
	defer cancel()
	return c.put(ctx)
}
