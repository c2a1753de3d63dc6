// Package worker runs the workflows and activities of Iris in a Temporal worker. It does not serve HTTP.
//
// It polls two task queues. Activities of the first wait for the network. Activities of the second keep CPUs busy, so
// by default it runs only one per CPU at a time.
package worker

import (
	"context"
	"errors"
	"runtime"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"iris/activities"
	"iris/workflows"
)

// Options are the dependencies and settings of a worker.
type Options struct {
	Client     client.Client
	Activities *activities.Activities
	// Slots is how many activities of the compute queue run at the same time; 0 is one per CPU.
	Slots int
}

const (
	// ioSlots limits the activities that wait for the network. Each may buffer some megabytes of a transfer.
	ioSlots = 64
	// stopTimeout is the time for an activity to notice that the worker stops and to report its progress.
	stopTimeout = 10 * time.Second
	// heartbeatThrottle lets every heartbeat through, one per second: progress is fresh, and a cancel arrives in a second.
	heartbeatThrottle = time.Second
)

// Worker polls both queues.
type Worker struct{ queues []worker.Worker }

// New returns a worker. Run starts it.
func New(o Options) (*Worker, error) {
	if o.Client == nil || o.Activities == nil {
		return nil, errors.New("worker: Client and Activities must be given")
	}
	if o.Slots <= 0 {
		o.Slots = runtime.GOMAXPROCS(0)
	}
	orchestration := worker.New(o.Client, workflows.TaskQueue, options(ioSlots))
	workflows.Register(orchestration)
	orchestration.RegisterActivity(o.Activities)

	compute := options(o.Slots)
	compute.DisableWorkflowWorker = true
	computing := worker.New(o.Client, workflows.ComputeQueue, compute)
	computing.RegisterActivity(o.Activities)
	return &Worker{queues: []worker.Worker{orchestration, computing}}, nil
}

func options(slots int) worker.Options {
	return worker.Options{
		MaxConcurrentActivityExecutionSize: slots,
		MaxHeartbeatThrottleInterval:       heartbeatThrottle,
		DefaultHeartbeatThrottleInterval:   heartbeatThrottle,
		WorkerStopTimeout:                  stopTimeout,
	}
}

// Run polls both queues until ctx ends, then waits for running activities to stop. It returns an error if a queue
// cannot be polled.
func (w *Worker) Run(ctx context.Context) error {
	for i, queue := range w.queues {
		if err := queue.Start(); err != nil {
			stop(w.queues[:i])
			return err
		}
	}
	<-ctx.Done()
	stop(w.queues)
	return nil
}

// stop stops the queues concurrently: each may take the stop timeout.
func stop(queues []worker.Worker) {
	done := make(chan struct{})
	for _, queue := range queues {
		go func() {
			queue.Stop()
			done <- struct{}{}
		}()
	}
	for range queues {
		<-done
	}
}
