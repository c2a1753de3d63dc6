package model

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestRecovered(t *testing.T) {
	t.Run("value", func(t *testing.T) {
		if got, err := recovered(t.Context(), func() (int, error) { return 7, nil }); got != 7 || err != nil {
			t.Errorf("got %d, %v, want 7", got, err)
		}
	})
	t.Run("error", func(t *testing.T) {
		broken := errors.New("broken")
		if _, err := recovered(t.Context(), func() (int, error) { return 0, broken }); !errors.Is(err, broken) {
			t.Errorf("got %v, want the error of the function", err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		_, err := recovered(t.Context(), func() (int, error) { panic("out of range") })
		if err == nil || !strings.Contains(err.Error(), "out of range") {
			t.Errorf("got %v, want the panic as an error", err)
		}
	})
	t.Run("cancelled while it runs", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release, ended := make(chan struct{}), make(chan struct{})
		_, err := recovered(ctx, func() (int, error) {
			defer close(ended)
			cancel()
			<-release // still running when recovered returns
			return 7, nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		close(release)
		<-ended // the goroutine does not block on its result
	})
}
