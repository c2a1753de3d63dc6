//go:build bench

package bench

import (
	"fmt"
	"os"
	"testing"
)

// TestMain is another process of a run when it is told to be one: this binary again.
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
