package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// Progress is the content of an activity's heartbeats.
type Progress struct {
	Done  int64   `json:"done"`
	Total int64   `json:"total,omitempty"` // 0 while unknown
	Unit  string  `json:"unit,omitempty"`
	Loss  float64 `json:"loss,omitempty"` // of the last iteration of a fit
	// Attempt is the number of the attempt, from 2. It is 0 for the first.
	Attempt int32 `json:"attempt,omitempty"`

	WaitsFor string `json:"waits_for,omitempty"` // what the activity cannot begin without, such as memory

	Trial string `json:"trial,omitempty"` // the name of the trial that runs

	Deaths int  `json:"deaths,omitempty"` // attempts just before this one that ended without a word
	Ended  bool `json:"ended,omitempty"`  // the attempt returned
}

// waitsForMemory is Progress.WaitsFor of a fit that waits until others need less memory.
const waitsForMemory = "memory"

// heartbeatInterval is far below the heartbeat timeouts that package workflows sets.
const heartbeatInterval = time.Second

// beat sends a heartbeat with the latest progress every second until stop is called. A goroutine sends them, because a
// fit or a transfer may take long between two reports. When the server answers that the activity was cancelled, the SDK
// cancels ctx; the heartbeats continue, because ending takes time too. stop sends the last one, so that the next
// attempt knows that this one did not die; a worker that begins to stop says so at once.
func beat(ctx context.Context) (report func(Progress), stop func()) {
	var latest atomic.Pointer[Progress]
	before := deaths(ctx)
	report = func(p Progress) {
		p.Deaths = before
		latest.Store(&p)
	}
	report(Progress{})
	done, ended := make(chan struct{}), make(chan struct{})
	attempt := activity.GetInfo(ctx).Attempt
	if attempt == 1 {
		attempt = 0
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(heartbeatInterval)
		defer tick.Stop()
		stopping, stopped := activity.GetWorkerStopChannel(ctx), false
		for {
			p := *latest.Load()
			p.Attempt, p.Ended = attempt, stopped
			activity.RecordHeartbeat(ctx, p)
			select {
			case <-tick.C:
			case <-stopping:
				stopping, stopped = nil, true
			case <-done:
				last := *latest.Load()
				last.Attempt, last.Ended = attempt, true
				activity.RecordHeartbeat(ctx, last)
				return
			}
		}
	}()
	return report, func() { close(done); <-ended }
}
