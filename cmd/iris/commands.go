package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"iris/internal/app"
)

// buildVersion is set by the linker; see the Makefile.
var buildVersion string

// version returns the version of this binary.
func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	return "devel"
}

// commit returns the git commit of this binary, as the toolchain recorded it or the linker set it.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return buildCommit
}

// buildCommit is set by the linker; see the Makefile.
var buildCommit string

func runAPI(ctx context.Context, env environment) error {
	return withSystem(env, func(s *app.System, c settings) error {
		return s.ServeAPI(ctx, c.listen, c.grpcListen)
	})
}

func runWorker(ctx context.Context, env environment) error {
	return withSystem(env, func(s *app.System, _ settings) error {
		if err := s.Prepare(ctx); err != nil {
			return err
		}
		return s.RunWorker(ctx)
	})
}

func runSetup(ctx context.Context, buckets []string, env environment) error {
	return withSystem(env, func(s *app.System, _ settings) error { return s.Prepare(ctx, buckets...) })
}

func runSweep(ctx context.Context, args []string, env environment, out io.Writer) error {
	flags := flag.NewFlagSet("iris sweep", flag.ContinueOnError)
	flags.SetOutput(out)
	dryRun := flags.Bool("dry-run", false, "print what a sweep would do, and change nothing")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	return withSystem(env, func(s *app.System, _ settings) error { return s.Sweep(ctx, *dryRun, out) })
}

// withSystem reads the settings, connects, runs do and disconnects.
func withSystem(env environment, do func(*app.System, settings) error) error {
	c, err := readSettings(env)
	if err != nil {
		return err
	}
	system, err := app.Connect(c.app)
	if err != nil {
		return err
	}
	defer system.Close()
	return do(system, c)
}

func runUp(ctx context.Context, args []string, env environment, out io.Writer) error {
	flags := flag.NewFlagSet("iris up", flag.ContinueOnError)
	flags.SetOutput(out)
	demo := flags.Bool("demo", false, "train, predict and batch-predict once, then stop")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	c, err := readSettings(env)
	if err != nil {
		return err
	}
	log, err := openLog(filepath.Join(c.stackDir, "logs", "iris.log"))
	if err != nil {
		return err
	}
	c.app.Logger = newLogger(log, c.level) // the terminal shows only what a person needs
	err = app.Up(ctx, app.UpOptions{
		Config: c.app, Dir: c.stackDir, Listen: c.listen, GRPCListen: c.grpcListen, Ports: c.ports,
		Demo: *demo, Out: out,
	})
	return errors.Join(err, log.Close())
}

// openLog opens a log for appending.
func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}
