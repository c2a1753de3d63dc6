package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/registry"
	"iris/workflows"
)

// RollbackRequest is the body of POST /{model}/rollback.
type RollbackRequest struct {
	Actor  string `json:"actor,omitempty" maxLength:"200" doc:"Who asks, for the history; the default is api." example:"ada"`
	Reason string `json:"reason,omitempty" maxLength:"2000" doc:"Reason, for the history."`
}

type rollbackInput struct {
	ModelPath
	Body *RollbackRequest // nil means empty
}

// rollBack promotes the champion before the present one and serves it before it answers. If another promotion happens
// while it looks both up, nothing changes.
func (m *models) rollBack(ctx context.Context, in *rollbackInput) (*versionOutput, error) {
	if err := m.serving.MustExist(ctx, in.Model); err != nil {
		return nil, err
	}
	if answer, err := m.promotedBefore(ctx, in.Model); answer != nil || err != nil {
		return answer, err // a second rollback would undo the first
	}
	request := cmp.Or(in.Body, &RollbackRequest{})
	champion, err := m.aliased(ctx, in.Model, registry.ChampionAlias) // before previous, which a promotion changes, too
	if err != nil {
		return nil, err
	}
	previous, err := m.aliased(ctx, in.Model, registry.PreviousAlias)
	if err != nil {
		return nil, err
	}
	candidate, err := m.serving.Load(ctx, in.Model, previous, problem.Fault{})
	if err != nil {
		return nil, err
	}
	return m.promote(ctx, workflows.PromotionInput{
		Model: in.Model, Version: candidate.Version.Number, Expected: &champion,
		Actor:  cmp.Or(request.Actor, defaultActor),
		Reason: cmp.Or(request.Reason, fmt.Sprintf("rollback from version %s", champion)),
	})
}

// aliased returns the number of the version that has an alias, or a 409 if no version has it.
func (m *models) aliased(ctx context.Context, name, alias string) (string, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	v, err := m.registry.Resolve(ctx, name, "models:/"+name+"@"+alias)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return "", problem.New(
			http.StatusConflict,
			fmt.Sprintf("model %s has no version with the alias %s: there is nothing to roll back to", name, alias),
		)
	case errors.Is(err, registry.ErrCorrupt):
		return "", serving.VersionProblem(err, name, alias, problem.Fault{})
	case err != nil:
		return "", fmt.Errorf("look up %s of %s: %w", alias, name, err)
	}
	return v.Number, nil
}
