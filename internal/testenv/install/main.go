// Command install installs the local stack into the project's .stack folder, where `iris up` and the tests find it. The
// arguments name the parts to install; by default it installs every part that the stack starts. It compiles Temporal
// and does not try the official release, so that CI depends on no further host.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"iris/internal/stack"
	"iris/internal/testenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := install(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func install(ctx context.Context, names []string) error {
	dir, err := testenv.StackDir()
	if err != nil {
		return err
	}
	o := stack.InstallOptions{Dir: dir, Log: os.Stdout}
	for _, name := range names {
		o.Parts = append(o.Parts, stack.Part(name))
	}
	_, err = stack.Install(ctx, o)
	return err
}
