// Command install puts the local stack into the project's .stack folder, where `iris up` and the tests find it. Both do
// this themselves when it is missing; installing it ahead shows the progress that a test run would hide. Arguments name
// the parts to install; without any it is all that the stack starts.
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
	var parts []stack.Part
	for _, name := range os.Args[1:] {
		parts = append(parts, stack.Part(name))
	}
	if _, err := testenv.Install(ctx, os.Stdout, parts...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
