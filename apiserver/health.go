package apiserver

import (
	"context"
	"net/http"
	"sync"

	"go.temporal.io/sdk/client"

	"iris/apiserver/httpio"
)

// Health is the answer of a process that is alive.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

type healthOutput struct{ Body Health }

// getHealth answers as long as the process does.
func (s *Server) getHealth(context.Context, *struct{}) (*healthOutput, error) {
	return &healthOutput{Body: Health{Status: "ok"}}, nil
}

// Readiness says whether the default model can be asked, and who else answers.
type Readiness struct {
	Ready        bool              `json:"ready" doc:"the champion of the default model is loaded: predictions are answered, whoever else is down"`
	Champion     string            `json:"champion,omitempty" doc:"what is served" example:"iris/3"`
	Dependencies map[string]string `json:"dependencies" doc:"ok, or unreachable: what needs that one is answered with 503"`
}

type readyOutput struct {
	Status int
	Body   Readiness
}

const (
	reachable   = "ok"
	unreachable = "unreachable"
)

// getReady reports the dependencies without making readiness depend on them: a prediction needs none of them, and
// taking
// every process out of service because MLflow restarts would turn a small outage into a large one.
func (s *Server) getReady(ctx context.Context, _ *struct{}) (*readyOutput, error) {
	out := &readyOutput{Status: http.StatusServiceUnavailable, Body: Readiness{Dependencies: map[string]string{}}}
	if served := s.Cache.Champion(s.DefaultModel); served != nil {
		out.Status, out.Body.Ready = http.StatusOK, true
		out.Body.Champion = served.Version.Model + "/" + served.Version.Number
	}
	for name, err := range s.dependencies(ctx) {
		out.Body.Dependencies[name] = reachable
		if err != nil {
			out.Body.Dependencies[name] = unreachable
		}
		s.noteReach(name, err)
	}
	return out, nil
}

// dependencies asks all of them at the same time.
func (s *Server) dependencies(ctx context.Context) map[string]error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	found := map[string]error{"mlflow": s.Cache.Check()}
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
		_, err := s.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		return map[string]error{"temporal": err}
	})
	ask(func() map[string]error { return map[string]error{"s3": s.Store.Check(ctx)} })
	if s.Ready != nil {
		ask(func() map[string]error { return s.Ready(ctx) })
	}
	all.Wait()
	return found
}

// reachability remembers which dependencies answered, so that the log has a line when that changes and not with every
// probe.
type reachability struct {
	mu   sync.Mutex
	down map[string]bool
}

func (s *Server) noteReach(name string, err error) {
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	if s.reach.down == nil {
		s.reach.down = map[string]bool{}
	}
	down := err != nil
	if down == s.reach.down[name] {
		return
	}
	s.reach.down[name] = down
	if down {
		s.Logger.Warn("a dependency does not answer", "dependency", name, "error", err)
		return
	}
	s.Logger.Info("a dependency answers again", "dependency", name)
}
