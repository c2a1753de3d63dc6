package model

import (
	"context"
	"fmt"
)

// recovered runs f in a new goroutine and waits for its result or for the end of ctx. A panic in f becomes an error. If
// ctx ends first, f keeps running and its result is dropped, so f must only use data that nobody else changes.
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
