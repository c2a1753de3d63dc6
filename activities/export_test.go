package activities

import (
	"context"
	"testing"
)

// TakeMemory takes memory away from the fits.
func TakeMemory(t *testing.T, a *Activities, bytes int64) (giveBack func()) {
	t.Helper()
	_, giveBack, err := a.memory.take(t.Context(), bytes)
	if err != nil {
		t.Fatal(err)
	}
	return giveBack
}

// WaitForDeath is an activity like a fit that never ends.
func WaitForDeath(ctx context.Context) error {
	if err := checkDeaths(ctx, "fit"); err != nil {
		return translate(ctx, err)
	}
	_, stop := beat(ctx)
	defer stop()
	<-ctx.Done()
	return ctx.Err()
}
