package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"iris/internal/registry"
	"iris/internal/testenv"
)

// calls returns calls of all methods that make requests, for a model.
func (w *world) calls() map[string]func(context.Context, string) error {
	return map[string]func(context.Context, string) error{
		"Models":   func(ctx context.Context, _ string) error { _, err := w.Models(ctx); return err },
		"Versions": func(ctx context.Context, name string) error { _, err := w.Versions(ctx, name); return err },
		"Resolve":  func(ctx context.Context, name string) error { _, err := w.Resolve(ctx, name, "1"); return err },
		"Resolve run": func(ctx context.Context, name string) error {
			_, err := w.Resolve(ctx, name, "runs:/"+strings.Repeat("0", 32)+"/model")
			return err
		},
		"Champion": func(ctx context.Context, name string) error { _, err := w.Champion(ctx, name); return err },
		"Schema":   func(ctx context.Context, name string) error { _, err := w.Schema(ctx, name); return err },
		"History": func(ctx context.Context, name string) error {
			_, _, err := w.History(ctx, name, registry.Page{})
			return err
		},
		"Promote": func(ctx context.Context, name string) error {
			p := w.Promotion("1", 0)
			p.Model = name
			_, err := w.Promote(ctx, p)
			return err
		},
		"Register": func(ctx context.Context, name string) error {
			c := w.Candidate(1)
			c.Model = name
			_, err := w.Register(ctx, c)
			return err
		},
	}
}

func TestRegistry_outage(t *testing.T) {
	w := newWorld(t)
	v := w.MustRegister(1)
	calls := w.calls()
	calls["Load"] = func(ctx context.Context, _ string) error { _, err := w.Load(ctx, v); return err }
	for _, servers := range []struct {
		name string
		fate testenv.Fate
	}{{"503", testenv.Refuse}, {"connection cut", testenv.Cut}} {
		w.LabProxy.All(servers.fate)
		w.S3Proxy.All(servers.fate)
		for name, call := range calls {
			t.Run(name+" "+servers.name, func(t *testing.T) {
				if err := call(t.Context(), w.Model); !errors.Is(err, registry.ErrUnavailable) {
					t.Errorf("got %v, want ErrUnavailable", err)
				}
			})
		}
	}
}

func TestRegistry_cancellationIsNotAnOutage(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Models(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("got %v, want context.Canceled without ErrUnavailable", err)
	}
}

func TestRegistry_badModelName(t *testing.T) {
	w := newWorld(t)
	for name, call := range w.calls() {
		if name == "Models" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, bad := range []string{"", "predict", "Iris", "a'b"} {
				if err := call(t.Context(), bad); !errors.Is(err, registry.ErrBadReference) {
					t.Errorf("%q: got %v, want ErrBadReference", bad, err)
				}
			}
		})
	}
	if requests := w.LabProxy.Drain(); len(requests) != 0 {
		t.Errorf("MLflow got %v, want no request", requests)
	}
}

func TestRegistry_unknownModel(t *testing.T) {
	w := newWorld(t)
	for name, call := range w.calls() {
		if name == "Models" || name == "History" || name == "Register" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if err := call(t.Context(), "nobody-knows-me"); !errors.Is(err, registry.ErrNotExist) {
				t.Errorf("got %v, want ErrNotExist", err)
			}
		})
	}
}
