package idempotency

import (
	"context"

	"iris/apiserver/httpio"
)

// Hold keeps other requests with the same scope and key out until the caller calls release: they get a 409. It keeps no
// answer, because Temporal remembers which task a key has started. Without a key Hold does nothing. If the process
// dies, the key is free after ten seconds.
//
// The caller releases the key before its answer is sent: a client that has an answer may send the request again.
func (a *Answers) Hold(ctx context.Context, scope, key string) (release func(), err error) {
	if key == "" {
		return func() {}, nil
	}
	c, _, err := a.claim(ctx, hash([]byte(scope+"\n"+key)), entry{Request: scope})
	if err != nil {
		return nil, err
	}
	c.renew(context.WithoutCancel(ctx)) // a client that hangs up does not end a start
	return func() {
		c.stop()
		c.forget(ctx)
	}, nil
}

// forget deletes the entry of a claim that has no answer. If that fails, the lease ends by itself.
func (c *claim) forget(ctx context.Context) {
	if c.lost {
		return
	}
	ctx, cancel := httpio.WithDeadline(context.WithoutCancel(ctx))
	defer cancel()
	_ = c.answers.store.Delete(ctx, c.answers.bucket, c.key)
}
