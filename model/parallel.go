package model

import (
	"runtime"
	"sync/atomic"
)

// parallel calls f with each of 0 to n-1 and returns when all are done. The calling goroutine works too, together
// with as many others as GOMAXPROCS allows; which of them takes a task is left to chance, so a task must not touch what
// another one writes, and what depends on order is put together afterwards.
//
// It doesn't wait for a helper that never got to run: on a busy machine the caller does all of it alone, and the late
// helper finds nothing left.
func parallel(n int, f func(task int)) {
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
