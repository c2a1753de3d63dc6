package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/apiserver/starts"
	"iris/workflows"
)

const (
	promotionTimeout = 10 * time.Second       // a promotion takes about 100 ms, but others of the model may come before it
	turnInterval     = 100 * time.Millisecond // between two attempts to start a promotion while another one runs
	defaultActor     = "api"
)

// PromotionRequest is the body of PUT /{model}/champion.
type PromotionRequest struct {
	Version  string  `json:"version" minLength:"1" maxLength:"200" doc:"Number of the version to serve, or another reference to it." example:"3"`
	Expected *string `json:"expected_champion,omitempty" maxLength:"20" doc:"Number of the champion that you expect, \"\" for none. If another version is the champion by then, nothing changes and the answer is 409." example:"2"`
	Actor    string  `json:"actor,omitempty" maxLength:"200" doc:"Who asks, for the history; the default is api." example:"ada"`
	Reason   string  `json:"reason,omitempty" maxLength:"2000" doc:"Reason, for the history."`
}

type championInput struct {
	ModelPath
	Body PromotionRequest
}

// putChampion promotes a version and serves it before it answers. It refuses a version that cannot be loaded before
// anything changes.
func (m *models) putChampion(ctx context.Context, in *championInput) (*versionOutput, error) {
	if err := m.serving.MustExist(ctx, in.Model); err != nil {
		return nil, err
	}
	if answer, err := m.promotedBefore(ctx, in.Model); answer != nil || err != nil {
		return answer, err
	}
	candidate, err := m.serving.Load(ctx, in.Model, in.Body.Version, problem.Fault{Pointer: "/version"})
	if err != nil {
		return nil, err
	}
	return m.promote(ctx, workflows.PromotionInput{
		Model: in.Model, Version: candidate.Version.Number, Expected: in.Body.Expected,
		Actor: cmp.Or(in.Body.Actor, defaultActor), Reason: in.Body.Reason,
	})
}

// promote promotes a version and makes this process serve it. It returns a 409 if the champion is not the expected one.
func (m *models) promote(ctx context.Context, in workflows.PromotionInput) (*versionOutput, error) {
	for pointer, text := range map[string]string{"/actor": in.Actor, "/reason": in.Reason} {
		if strings.Contains(text, "\x00") {
			return nil, problem.Invalid(problem.Fault{Pointer: pointer, Detail: "has the character NUL"})
		}
	}
	result, err := m.runPromotion(ctx, in)
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
	return m.promoted(ctx, in.Model, result.To)
}

// promoted answers with a version that was promoted, after this process serves the champion.
func (m *models) promoted(ctx context.Context, name, version string) (*versionOutput, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	if err := m.cache.Refresh(ctx, name); err != nil {
		return nil, fmt.Errorf("serve the champion of %s after a promotion: %w", name, err)
	}
	v, err := m.registry.Resolve(ctx, name, version)
	if err != nil {
		return nil, fmt.Errorf("read version %s of %s after its promotion: %w", version, name, err)
	}
	return &versionOutput{Body: m.version(v)}, nil
}

// promotedBefore answers a request with an idempotency key whose promotion has happened, or is happening, although its
// answer was not kept. It returns nil if there is none.
func (m *models) promotedBefore(ctx context.Context, name string) (*versionOutput, error) {
	start := idempotency.ID(ctx)
	if start == "" {
		return nil, nil
	}
	run, err := m.starts.Find(ctx, workflows.PromotionID(name), start)
	if run == nil || err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, m.promotionTimeout)
	defer cancel()
	var result workflows.PromotionResult
	if err := run.Get(bounded, &result); err != nil {
		return nil, m.promotionProblem(bounded, run, err)
	}
	if !result.Promoted {
		return nil, nil // nothing was changed: the request may try again
	}
	return m.promoted(ctx, name, result.To)
}

// runPromotion runs the workflow Promotion, after those of the same model that are running.
func (m *models) runPromotion(
	ctx context.Context,
	in workflows.PromotionInput,
) (result workflows.PromotionResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.promotionTimeout)
	defer cancel()
	run, err := m.startPromotion(ctx, starts.Task{
		ID:       workflows.PromotionID(in.Model),
		Model:    in.Model,
		Summary:  "champion of " + in.Model + ": version " + in.Version,
		Priority: workflows.PriorityTraining,
		Workflow: workflows.Promotion,
		Input:    in,
		Start:    idempotency.ID(ctx),
	})
	if err != nil {
		return result, err
	}
	if err := run.Get(ctx, &result); err != nil {
		return result, m.promotionProblem(ctx, run, err)
	}
	return result, nil
}

// startPromotion starts a promotion when no other one of the model is running.
func (m *models) startPromotion(ctx context.Context, t starts.Task) (client.WorkflowRun, error) {
	for {
		release, err := m.starts.Admit(ctx)
		if err != nil {
			return nil, err
		}
		run, err := m.starts.Start(ctx, t)
		release()
		var running *serviceerror.WorkflowExecutionAlreadyStarted
		if !errors.As(err, &running) {
			return run, err
		}
		select {
		case <-time.After(turnInterval):
		case <-ctx.Done():
			return nil, problem.New(
				http.StatusConflict,
				"another promotion of "+t.Model+" is still running: see /tasks/"+t.ID,
			)
		}
	}
}

// promotionProblem returns the problem of a promotion that failed or took too long. It cancels the latter, so that a
// promotion that no worker has begun does not happen unexpectedly later.
func (m *models) promotionProblem(ctx context.Context, run client.WorkflowRun, err error) error {
	see := "see /tasks/" + run.GetID()
	var failed *temporal.WorkflowExecutionError
	if errors.As(err, &failed) {
		p := problem.New(http.StatusInternalServerError, "the promotion failed: "+see)
		p.Cause = err
		return p
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpio.DependencyTimeout)
	defer cancel()
	err = errors.Join(err, m.tasks.temporal.CancelWorkflow(ctx, run.GetID(), run.GetRunID()))
	return problem.Unavailable("no worker has finished the promotion in time; it was asked to stop: "+see, err)
}
