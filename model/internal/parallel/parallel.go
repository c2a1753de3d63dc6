// Package parallel runs the tasks of one computation on all processors. It is not a scheduler: it has no queue, and a
// task can neither fail nor be cancelled.
package parallel

import (
	"runtime"
	"sync/atomic"
)

// For calls f with each of 0 to n-1 and returns when all calls have returned. The calling goroutine works too, next to
// as many helpers as GOMAXPROCS allows. Chance decides which goroutine takes a task, so a task must not touch what
// another task writes. A caller that depends on an order combines the results afterwards.
//
// For does not wait for a helper that never got to run. On a busy machine the caller does all of the work alone, and a
// late helper finds no task.
func For(n int, f func(task int)) {
	helpers := min(runtime.GOMAXPROCS(0), n) - 1
	if helpers < 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next, finished atomic.Int64
	done := make(chan struct{})
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			f(i)
			if int(finished.Add(1)) == n {
				close(done)
			}
		}
	}
	for range helpers {
		go work()
	}
	work()
	<-done
}
