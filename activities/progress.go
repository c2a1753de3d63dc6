package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// Progress is what an activity says of itself in its heartbeats.
type Progress struct {
	Done  int64   `json:"done"`
	Total int64   `json:"total,omitempty"` // 0 while unknown
	Unit  string  `json:"unit,omitempty"`
	Loss  float64 `json:"loss,omitempty"` // of the last iteration, while a model is fitted
}

// heartbeatEvery is well under the heartbeat timeouts that package workflows sets.
const heartbeatEvery = time.Second

// beat sends a heartbeat with the latest progress every second until stop is called, whatever the activity is doing:
// a fit or a transfer may take long between two points where it could report. The SDK cancels ctx when the server
// answers that the activity was cancelled; the heartbeats go on, since what has been asked to end takes its time too.
func beat(ctx context.Context) (report func(Progress), stop func()) {
	var latest atomic.Pointer[Progress]
	latest.Store(&Progress{})
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(heartbeatEvery)
		defer tick.Stop()
		for {
			activity.RecordHeartbeat(ctx, *latest.Load())
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func(p Progress) { latest.Store(&p) }, func() { close(done); <-ended }
}
