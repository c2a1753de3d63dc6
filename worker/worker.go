// Package worker is the Temporal process of Iris: it runs the workflows, and the activities on two queues. One waits
// for
// the network, the other keeps the CPUs busy and takes no more at once than there are CPUs.
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

// Options is what a worker is made of.
type Options struct {
	Client     client.Client
	Activities *activities.Activities
	// Slots is how many activities compute at once; 0 is one per CPU.
	Slots int
}

const (
	// ioSlots bounds the activities that wait for the network; each may hold some megabytes of a transfer.
	ioSlots = 64
	// stopTimeout lets an activity notice that the worker stops and say how far it got.
	stopTimeout = 10 * time.Second
	// heartbeatThrottle sends every heartbeat (one a second): progress stays fresh, and a cancel arrives within a second.
	heartbeatThrottle = time.Second
)

// Worker serves both queues.
type Worker struct{ queues []worker.Worker }

// New returns a worker that Run starts.
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

// Run serves until ctx ends, then lets what runs wind up. It returns an error when a queue could not be served.
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

// stop stops the queues side by side: each may take the stop timeout.
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
