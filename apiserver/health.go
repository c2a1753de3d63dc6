package apiserver

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"go.temporal.io/sdk/client"

	"iris/apiserver/httpio"
	"iris/internal/champions"
	"iris/internal/objstore"
)

// health reports whether the process is alive, whether it can serve, and which dependencies answer.
type health struct {
	temporal     client.Client
	store        *objstore.Store
	cache        *champions.Cache
	draining     func() bool
	defaultModel string
	more         func(context.Context) map[string]error // further dependencies; may be nil
	log          *slog.Logger

	mu   sync.Mutex
	down map[string]bool // dependencies that did not answer the last time
}

// Health is the answer of a process that is alive.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

type healthOutput struct{ Body Health }

// getAlive answers while the process is alive.
func (*health) getAlive(context.Context, *struct{}) (*healthOutput, error) {
	return &healthOutput{Body: Health{Status: "ok"}}, nil
}

// Readiness says whether the default model can predict, and which dependencies answer.
type Readiness struct {
	Ready        bool              `json:"ready" doc:"True if the champion of the default model is loaded. Predictions are then answered, whichever dependency is down."`
	Champion     string            `json:"champion,omitempty" doc:"The version that is served." example:"iris/3"`
	Draining     bool              `json:"draining,omitempty" doc:"True if the process is about to stop. It then asks no dependency."`
	Dependencies map[string]string `json:"dependencies" doc:"By name: ok or unreachable. Requests that need an unreachable dependency are answered with 503."`
}

type readyOutput struct {
	Status int
	Body   Readiness
}

const (
	reachable   = "ok"
	unreachable = "unreachable"
)

// getReady reports the dependencies, but readiness does not depend on them. A prediction needs none of them, and taking
// every process out of service because MLflow restarts would make a large outage of a small one.
func (h *health) getReady(ctx context.Context, _ *struct{}) (*readyOutput, error) {
	out := &readyOutput{Status: http.StatusServiceUnavailable, Body: Readiness{Dependencies: map[string]string{}}}
	if served := h.cache.Champion(h.defaultModel); served != nil {
		out.Status, out.Body.Ready = http.StatusOK, true
		out.Body.Champion = versionLabel(served)
	}
	if h.draining() {
		out.Status, out.Body.Ready, out.Body.Draining = http.StatusServiceUnavailable, false, true
		return out, nil
	}
	for name, err := range h.checkDependencies(ctx) {
		out.Body.Dependencies[name] = reachable
		if err != nil {
			out.Body.Dependencies[name] = unreachable
		}
		h.logChange(name, err)
	}
	return out, nil
}

// checkDependencies asks all dependencies concurrently.
func (h *health) checkDependencies(ctx context.Context) map[string]error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	found := map[string]error{"mlflow": h.cache.Check()}
	var mu sync.Mutex
	var all sync.WaitGroup
	ask := func(question func() map[string]error) {
		all.Go(func() {
			answers := question()
			mu.Lock()
			defer mu.Unlock()
			for name, err := range answers {
				found[name] = err
			}
		})
	}
	ask(func() map[string]error {
		_, err := h.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		return map[string]error{"temporal": err}
	})
	ask(func() map[string]error { return map[string]error{"s3": h.store.Check(ctx)} })
	if h.more != nil {
		ask(func() map[string]error { return h.more(ctx) })
	}
	all.Wait()
	return found
}

// logChange logs that a dependency has stopped to answer, or answers again. It does not log every probe.
func (h *health) logChange(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down == nil {
		h.down = map[string]bool{}
	}
	down := err != nil
	if down == h.down[name] {
		return
	}
	h.down[name] = down
	if down {
		h.log.Warn("a dependency does not answer", "dependency", name, "error", err)
		return
	}
	h.log.Info("a dependency answers again", "dependency", name)
}
