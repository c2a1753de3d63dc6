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

// UpOptions holds the options of `iris up`.
type UpOptions struct {
	Config     Config       // Up replaces its addresses with those of the local stack
	Dir        string       // of the parts, their data and their logs
	Listen     string       // address of the REST API
	GRPCListen string       // address of the gRPC API; none when empty
	Ports      stack.Ports  // of the parts
	Demo       bool         // whether to show everything once and stop, instead of staying up
	Out        io.Writer    // output for people
	Ready      func(string) // if set, called with the base URL of the API when everything works
}

// mlflowBucket is the bucket of MLflow's artifacts.
const mlflowBucket = "mlflow"

// Up installs and starts the local stack, the worker and the API. It trains the first model if the default model has no
// champion, makes a prediction and prints the result. A demo ends there; otherwise Up runs until ctx ends. In both
// cases it stops everything that it started.
func Up(ctx context.Context, o UpOptions) (err error) {
	listener, grpcListener, err := Listen(o.Listen, o.GRPCListen)
	if err != nil {
		return err
	}
	defer listener.Close() //nolint:errcheck // the server may have closed it
	if grpcListener != nil {
		defer grpcListener.Close() //nolint:errcheck // the server may have closed it
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

// local returns a config with the addresses of the stack.
func local(c Config, a stack.Addresses) Config {
	c.Temporal.HostPort, c.Temporal.Namespace = a.Temporal, "default"
	c.S3.Endpoint, c.S3.AccessKey, c.S3.SecretKey, c.S3.Secure = a.S3, a.S3AccessKey, a.S3SecretKey, false
	c.MLflow, c.MLflowUI, c.TemporalUI = a.MLflow, a.MLflow, a.TemporalUI
	return c
}

// died returns nil when ctx ends, or an error when a part of the stack ends by itself.
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

// stopTimeout bounds the stop of all parts together. Stop kills those that are still running after it.
const stopTimeout = 30 * time.Second

// stop ends the stack. ctx has usually ended before, so stop ignores that.
func stop(ctx context.Context, s *stack.Stack, out io.Writer) error {
	fmt.Fprintln(out, "stopping") //nolint:errcheck // a closed terminal must not prevent the stop
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.Stop(ctx)
}
