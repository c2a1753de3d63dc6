//go:build bench

package bench

import (
	"fmt"
	"os"
	"testing"
)

// TestMain runs the tests, or the bare server or a single fit if the environment says so: a run starts this binary
// again for these.
func TestMain(m *testing.M) {
	for name, run := range map[string]func(string) error{bareAddress: serveBare, fitRequest: fitAlone} {
		if value := os.Getenv(name); value != "" {
			if err := run(value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}
