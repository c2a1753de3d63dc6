package apiserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/internal/champions"
	"iris/internal/objstore"
)

// health reports whether the process is alive, whether it can serve, and which dependencies answer.
type health struct {
	temporal     client.Client
	store        *objstore.Store
	bucket       string
	cache        *champions.Cache
	draining     func() bool
	defaultModel string
	more         func(context.Context) map[string]error // further dependencies; may be nil
	log          *slog.Logger

	mu   sync.Mutex
	down map[string]bool // dependencies that did not answer the last time
	room probedRoom
}

// probedRoom is what the last probe of the room in the object store found.
type probedRoom struct {
	at  time.Time
	err error
}

// roomInterval is the shortest time between two probes of the room in the object store.
const roomInterval = 10 * time.Second

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
	Source       string            `json:"source,omitempty" enum:"disk" doc:"disk if the process serves the champions that it found on its disk, because it has not reached the registry since it started."`
	AgeSeconds   int               `json:"age_seconds,omitempty" doc:"With source disk: how long ago these were known to be the champions."`
	Dependencies map[string]string `json:"dependencies" doc:"By name: ok, unreachable or full. Requests that need an unreachable dependency are answered with 503."`
}

type readyOutput struct {
	Status int
	Body   Readiness
}

const (
	reachable   = "ok"
	unreachable = "unreachable"
	full        = "full"
)

// ErrFull is the error of a dependency that answers, but has no room.
var ErrFull = errors.New("no room is left")

// wordOf returns what /readyz says about a dependency.
func wordOf(err error) string {
	switch {
	case err == nil:
		return reachable
	case errors.Is(err, ErrFull), errors.Is(err, objstore.ErrFull):
		return full
	}
	return unreachable
}

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
	if kept := h.cache.KeptAt(); !kept.IsZero() {
		out.Body.Source, out.Body.AgeSeconds = serving.SourceDisk, int(time.Since(kept).Seconds())
	}
	for name, err := range h.checkDependencies(ctx) {
		out.Body.Dependencies[name] = wordOf(err)
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
	ask(func() map[string]error { return map[string]error{"s3": h.checkStore(ctx)} })
	if h.more != nil {
		ask(func() map[string]error { return h.more(ctx) })
	}
	all.Wait()
	return found
}

// checkStore asks whether the object store answers, and has room. A full store still answers everything that only
// reads, so a probe writes an object of one byte and removes it.
func (h *health) checkStore(ctx context.Context) error {
	if err := h.store.Check(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	last := h.room
	if time.Since(last.at) < roomInterval {
		h.mu.Unlock()
		return last.err
	}
	h.room.at = time.Now() // so that concurrent probes write once
	h.mu.Unlock()
	_, err := h.store.Put(ctx, h.bucket, objstore.RoomProbeKey, strings.NewReader("."), 1, "text/plain")
	if err == nil {
		err = h.store.Delete(ctx, h.bucket, objstore.RoomProbeKey)
	}
	if !errors.Is(err, objstore.ErrFull) {
		err = nil // it does answer
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.room.err = err
	return err
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
