// Command iris is all of Iris in one binary: the API, the worker, and a local stack to try them on.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"iris/internal/app"
)

const usage = `iris trains, versions, serves and batch-scores classifiers of tabular data, durably.

  iris apiserver      serve the REST API
  iris worker         run the Temporal workflows and activities
  iris setup          create the bucket of Iris with its expiry rules, and the buckets named as arguments
  iris sweep          end what tasks left behind, now; -dry-run only prints it
  iris up [--demo]    install and start everything on this machine: Temporal, MinIO, MLflow, worker, API
  iris config         print the settings as a Markdown table
  iris version        print the version

Settings come from the environment; iris config lists them.
`

// fitCommand is the hidden command that a worker starts for each fit.
const fitCommand = "fit"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "iris:", err)
		os.Exit(1)
	}
}

// run is main with its arguments, environment and output as parameters. A command that ctx stops returns nil, wherever
// it was.
func run(ctx context.Context, args []string, env environment, out io.Writer) error {
	err := command(ctx, args, env, out)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func command(ctx context.Context, args []string, env environment, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("no command given; iris help lists them")
	}
	switch name, rest := args[0], args[1:]; name {
	case "apiserver":
		return runAPI(ctx, env)
	case "worker":
		return runWorker(ctx, env)
	case fitCommand:
		return app.Fit(os.Stdin, out)
	case "setup":
		return runSetup(ctx, rest, env)
	case "sweep":
		return runSweep(ctx, rest, env, out)
	case "up":
		return runUp(ctx, rest, env, out)
	case "config":
		return printSettings(out)
	case "version":
		_, err := fmt.Fprintln(out, version())
		return err
	case "help", "-h", "--help":
		_, err := io.WriteString(out, usage)
		return err
	default:
		return fmt.Errorf("unknown command %q; iris help lists the commands", name)
	}
}
