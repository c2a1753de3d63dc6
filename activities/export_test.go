package activities

import "testing"

// TakeMemory takes memory away from the fits.
func TakeMemory(t *testing.T, a *Activities, bytes int64) (giveBack func()) {
	t.Helper()
	_, giveBack, err := a.memory.take(t.Context(), bytes)
	if err != nil {
		t.Fatal(err)
	}
	return giveBack
}
