package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/workflows"
)

const (
	promotionTimeout = 10 * time.Second       // for a promotion and those before it; each takes about 100 ms
	turnWait         = 100 * time.Millisecond // before it is asked again whether the one before has ended
	defaultActor     = "api"
)

// PromotionRequest is the body of PUT /{model}/champion.
type PromotionRequest struct {
	Version  string  `json:"version" minLength:"1" maxLength:"200" doc:"number of the version to serve, or any other form that names it" example:"3"`
	Expected *string `json:"expected_champion,omitempty" maxLength:"20" doc:"number of the champion you expect, \"\" for none: if another one is served by then, nothing changes and the answer is 409" example:"2"`
	Actor    string  `json:"actor,omitempty" maxLength:"200" doc:"who asks, for the history; api when absent" example:"ada"`
	Reason   string  `json:"reason,omitempty" maxLength:"2000" doc:"why, for the history"`
}

type championInput struct {
	Model string `path:"model" doc:"name of a model" example:"iris"`
	Body  PromotionRequest
}

// putChampion promotes a version and serves it before it answers. A version that cannot be loaded is refused before
// anything changes.
func (s *Server) putChampion(ctx context.Context, in *championInput) (*versionOutput, error) {
	if err := s.serving.MustExist(ctx, in.Model); err != nil {
		return nil, err
	}
	candidate, err := s.serving.Load(ctx, in.Model, in.Body.Version, problem.Fault{Pointer: "/version"})
	if err != nil {
		return nil, err
	}
	return s.crown(ctx, workflows.PromotionInput{
		Model: in.Model, Version: candidate.Version.Number, Expected: in.Body.Expected,
		Actor: cmp.Or(in.Body.Actor, defaultActor), Reason: in.Body.Reason,
	})
}

// crown promotes a version and makes this process serve it. Where the champion is not the expected one it is the 409.
func (s *Server) crown(ctx context.Context, in workflows.PromotionInput) (*versionOutput, error) {
	result, err := s.promote(ctx, in)
	if err != nil {
		return nil, err
	}
	if !result.Promoted {
		return nil, problem.New(
			http.StatusConflict,
			fmt.Sprintf("the champion of %s is %s, not the one you expected: nothing was changed",
				in.Model, cmp.Or(result.From, "none")),
		)
	}
	return s.serveChampion(ctx, in.Model)
}

// serveChampion makes this process serve the champion that the registry names, and answers with it.
func (s *Server) serveChampion(ctx context.Context, name string) (*versionOutput, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	if err := s.Cache.Refresh(ctx, name); err != nil {
		return nil, fmt.Errorf("serve the champion of %s after a promotion: %w", name, err)
	}
	v, err := s.Registry.Champion(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read the champion of %s after a promotion: %w", name, err)
	}
	return &versionOutput{Body: s.versionView(v)}, nil
}

// promote executes a Promotion after those of the same model that run already.
func (s *Server) promote(
	ctx context.Context,
	in workflows.PromotionInput,
) (result workflows.PromotionResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.promotion)
	defer cancel()
	id := workflows.PromotionID(in.Model)
	var run client.WorkflowRun
	for waited := false; ; waited = true {
		run, err = s.tasks.start(ctx, newTask{
			id: id, model: in.Model, summary: "champion of " + in.Model + ": version " + in.Version,
			priority: workflows.PriorityTraining, workflow: workflows.Promotion, input: in,
		})
		var running *serviceerror.WorkflowExecutionAlreadyStarted
		late := waited && err != nil && ctx.Err() != nil // the time ran out while Temporal was asked again
		if !late && !errors.As(err, &running) {
			break
		}
		select {
		case <-time.After(turnWait):
		case <-ctx.Done():
			return result, problem.New(http.StatusConflict, "another promotion of "+in.Model+" is still running: see /tasks/"+id)
		}
	}
	if err != nil {
		return result, err
	}
	if err := run.Get(ctx, &result); err != nil {
		return result, s.promotionProblem(ctx, run, err)
	}
	return result, nil
}

// promotionProblem is the answer to a promotion that did not end well, or not in time. The latter is cancelled, so that
// one
// that no worker has begun does not surprise anybody later.
func (s *Server) promotionProblem(ctx context.Context, run client.WorkflowRun, err error) error {
	see := "see /tasks/" + run.GetID()
	var failed *temporal.WorkflowExecutionError
	if errors.As(err, &failed) {
		p := problem.New(http.StatusInternalServerError, "the promotion failed: "+see)
		p.Cause = err
		return p
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpio.DependencyTimeout)
	defer cancel()
	err = errors.Join(err, s.Temporal.CancelWorkflow(ctx, run.GetID(), run.GetRunID()))
	return problem.Unavailable("no worker has finished the promotion in time; it was asked to stop: "+see, err)
}
