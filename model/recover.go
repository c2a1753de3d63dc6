package model

import (
	"context"
	"fmt"
)

// recovered runs f in a goroutine of its own and waits for its result or for ctx. A panic in f becomes an error. When
// ctx
// ends first, f runs on until it is done, so f must only use what nobody else changes; its result is dropped.
func recovered[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if r := recover(); r != nil {
				o.err = fmt.Errorf("panic: %v", r)
			}
			done <- o
		}()
		o.value, o.err = f()
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
