package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/registry"
	"iris/workflows"
)

// RollbackRequest is the body of POST /{model}/rollback.
type RollbackRequest struct {
	Actor  string `json:"actor,omitempty" maxLength:"200" doc:"who asks, for the history; api when absent" example:"ada"`
	Reason string `json:"reason,omitempty" maxLength:"2000" doc:"why, for the history"`
}

type rollbackInput struct {
	Model string           `path:"model" doc:"name of a model" example:"iris"`
	Body  *RollbackRequest // none is an empty one
}

// postRollback makes the champion before this one the champion again, and serves it before it answers. Between looking
// both up and the promotion another one may come: then nothing is changed.
func (s *Server) postRollback(ctx context.Context, in *rollbackInput) (*versionOutput, error) {
	if err := s.serving.MustExist(ctx, in.Model); err != nil {
		return nil, err
	}
	request := cmp.Or(in.Body, &RollbackRequest{})
	previous, err := s.aliased(ctx, in.Model, registry.PreviousAlias)
	if err != nil {
		return nil, err
	}
	champion, err := s.aliased(ctx, in.Model, registry.ChampionAlias)
	if err != nil {
		return nil, err
	}
	candidate, err := s.serving.Load(ctx, in.Model, previous, problem.Fault{})
	if err != nil {
		return nil, err
	}
	return s.crown(ctx, workflows.PromotionInput{
		Model: in.Model, Version: candidate.Version.Number, Expected: &champion, Actor: cmp.Or(request.Actor, defaultActor),
		Reason: cmp.Or(request.Reason, fmt.Sprintf("rollback from version %s", champion)),
	})
}

// aliased is the number of the version that an alias of a model stands for. Where there is none, there is nothing to
// roll
// back to: the 409.
func (s *Server) aliased(ctx context.Context, name, alias string) (string, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	v, err := s.Registry.Resolve(ctx, name, "models:/"+name+"@"+alias)
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

type historyInput struct {
	Model     string `path:"model" doc:"name of a model" example:"iris"`
	PageSize  int    `query:"page_size" minimum:"0" doc:"at most so many; 0 is 50, and no page has more than 200"`
	PageToken string `query:"page_token" maxLength:"10000" doc:"next_page_token of the page before"`
}

// HistoryEntry is one change of champion.
type HistoryEntry struct {
	At     time.Time `json:"at" doc:"when"`
	From   string    `json:"from" doc:"number of the champion before; empty for the first" example:"2"`
	To     string    `json:"to" doc:"number of the champion since" example:"3"`
	Actor  string    `json:"actor" doc:"who asked: a name, or the id of the training whose gate opened"`
	Reason string    `json:"reason" doc:"why"`
}

type historyOutput struct {
	Body struct {
		Model         string         `json:"model"`
		Entries       []HistoryEntry `json:"entries" nullable:"false" doc:"newest first"`
		NextPageToken string         `json:"next_page_token" doc:"empty on the last page"`
	}
}

// getHistory lists who made which version the champion.
func (s *Server) getHistory(ctx context.Context, in *historyInput) (*historyOutput, error) {
	if err := s.serving.MustExist(ctx, in.Model); err != nil {
		return nil, err
	}
	list := "history of " + in.Model
	after, err := openPageToken(list, in.PageToken)
	if err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	entries, next, err := s.Registry.History(ctx, in.Model, registry.Page{
		Limit: min(cmp.Or(in.PageSize, defaultPageSize), maxPageSize), After: string(after),
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", in.Model, err)
	}
	out := new(historyOutput)
	out.Body.Model, out.Body.NextPageToken = in.Model, pageToken(list, []byte(next))
	out.Body.Entries = make([]HistoryEntry, len(entries))
	for i, e := range entries {
		out.Body.Entries[i] = HistoryEntry{At: e.At, From: e.From, To: e.To, Actor: e.Actor, Reason: e.Reason}
	}
	return out, nil
}
