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

// printf writes one line. It ignores errors, because a closed terminal must not stop the work.
func (p *progress) printf(format string, arguments ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.w, format+"\n", arguments...)
}

// during prints a line such as "what (12 s)" at every interval, so that a person sees that a long step is alive. end
// stops it and returns the time since the call.
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

// seconds formats a duration as "12 s".
func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", d.Seconds()) }
