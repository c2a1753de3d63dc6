// Command install puts the local stack into the project's .stack folder, where `iris up` and the tests find it. Both do
// this themselves when it is missing; installing it ahead shows the progress that a test run would hide.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"iris/internal/testenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if _, err := testenv.Install(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
