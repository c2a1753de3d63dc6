package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"iris/internal/stack"
)

// UpOptions is what `iris up` is asked for.
type UpOptions struct {
	Config     Config       // its addresses are those of the local stack, whatever it says
	Dir        string       // of the parts, their data and their logs
	Listen     string       // of the API
	GRPCListen string       // of the API by gRPC; "" is none
	Ports      stack.Ports  // of the parts
	Demo       bool         // show everything once and stop, instead of staying up
	Out        io.Writer    // what a person reads
	Ready      func(string) // called with the API's base URL once all of it works; may be nil
}

// mlflowBucket is where MLflow keeps its artifacts.
const mlflowBucket = "mlflow"

// Up installs and starts the local stack, the worker and the API, trains the first model when there is none, makes a
// prediction and says what happened. It stays until ctx ends, unless it is a demo, and stops all it started.
func Up(ctx context.Context, o UpOptions) (err error) {
	listener, grpcListener, err := Listen(o.Listen, o.GRPCListen)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it, or never had it
	if grpcListener != nil {
		defer grpcListener.Close() //nolint:errcheck // the same
	}
	parts, err := stack.Install(ctx, stack.InstallOptions{Dir: o.Dir, Download: true, Log: o.Out})
	if err != nil {
		return err
	}
	running, err := stack.Start(ctx, stack.Options{
		Paths: parts, DataDir: filepath.Join(o.Dir, "data"), LogDir: filepath.Join(o.Dir, "logs"),
		Parts: stack.AllParts(), Ports: o.Ports, Log: o.Out,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(ctx, running, o.Out)) }()

	system, err := Connect(local(o.Config, running.Addresses()))
	if err != nil {
		return err
	}
	defer system.Close()
	if err := system.Prepare(ctx, mlflowBucket); err != nil {
		return err
	}
	return together(ctx,
		system.RunWorker,
		func(ctx context.Context) error { return system.RunAPI(ctx, listener, grpcListener) },
		func(ctx context.Context) error { return died(ctx, running) },
		func(ctx context.Context) error {
			t := tour{system: system, api: "http://" + listener.Addr().String(), addresses: running.Addresses(), out: o.Out}
			if err := t.run(ctx, o.Demo); err != nil || o.Demo {
				return err
			}
			if o.Ready != nil {
				o.Ready(t.api)
			}
			<-ctx.Done()
			return nil
		})
}

// local points a config at the parts of the stack.
func local(c Config, a stack.Addresses) Config {
	c.Temporal.HostPort, c.Temporal.Namespace = a.Temporal, "default"
	c.S3.Endpoint, c.S3.AccessKey, c.S3.SecretKey, c.S3.Secure = a.S3, a.S3AccessKey, a.S3SecretKey, false
	c.MLflow, c.MLflowUI, c.TemporalUI = a.MLflow, a.MLflow, a.TemporalUI
	return c
}

// died returns when ctx ends, or why a part of the stack is gone.
func died(ctx context.Context, s *stack.Stack) error {
	gone := make(chan error, 1)
	go func() { gone <- s.Wait() }()
	select {
	case err := <-gone:
		return err
	case <-ctx.Done():
		return nil
	}
}

// stopTimeout is for all parts together; what has not ended by then is killed.
const stopTimeout = 30 * time.Second

// stop ends the stack even though ctx, by now, has ended.
func stop(ctx context.Context, s *stack.Stack, out io.Writer) error {
	fmt.Fprintln(out, "stopping") //nolint:errcheck // a terminal that is gone is no reason not to stop
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.Stop(ctx)
}
