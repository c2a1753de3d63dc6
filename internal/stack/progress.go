package stack

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress writes whole lines from several goroutines to one writer.
type progress struct {
	mu sync.Mutex
	w  io.Writer
}

func newProgress(w io.Writer) *progress {
	if w == nil {
		w = io.Discard
	}
	return &progress{w: w}
}

// printf writes one line. A terminal that is gone is no reason to stop the work, so write errors are dropped.
func (p *progress) printf(format string, arguments ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.w, format+"\n", arguments...)
}

// during prints "what (12 s)" every interval until the returned function is called, so that a person sees that a long
// step is alive. That function returns the time that passed.
func (p *progress) during(what string, interval time.Duration) (end func() time.Duration) {
	begin := time.Now()
	finished := make(chan struct{})
	var printer sync.WaitGroup
	printer.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.printf("%s (%s)", what, seconds(time.Since(begin)))
			case <-finished:
				return
			}
		}
	})
	return func() time.Duration {
		close(finished)
		printer.Wait()
		return time.Since(begin)
	}
}

// seconds writes a duration as a person would: "12 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }
