package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"iris/internal/registry"
)

// PromoteVersionInput names the version that is to be the champion.
type PromoteVersionInput struct {
	Model    string    `json:"model"`
	Version  string    `json:"version"`
	Expected *string   `json:"expected,omitempty"` // champion the decision was taken against; "" none, absent any
	Actor    string    `json:"actor"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

// Promoted says what the alias points to now.
type Promoted struct {
	// ChampionChanged: the champion was not the expected one, and nothing was moved.
	ChampionChanged bool      `json:"champion_changed,omitempty"`
	From            string    `json:"from,omitempty"` // the champion before; where nothing was moved, the champion that is
	At              time.Time `json:"at"`
}

// PromoteVersion moves the alias champion and writes the entry in the model's history. Only Promotion runs it.
func (a *Activities) PromoteVersion(ctx context.Context, in PromoteVersionInput) (Promoted, error) {
	_, stop := beat(ctx)
	defer stop()
	p, err := a.promoteVersion(ctx, in)
	return p, translate(err)
}

func (a *Activities) promoteVersion(ctx context.Context, in PromoteVersionInput) (Promoted, error) {
	entry, err := a.o.Registry.Promote(ctx, registry.Promotion{
		Model: in.Model, Version: in.Version, Expected: in.Expected, Actor: in.Actor, Reason: in.Reason,
		// The id of a promotion is the model's; the run of it is what tells two promotions apart.
		TaskID: activity.GetInfo(ctx).WorkflowExecution.RunID, At: in.At,
	})
	if errors.Is(err, registry.ErrChampionChanged) {
		return Promoted{ChampionChanged: true, From: entry.From, At: in.At}, nil
	}
	return Promoted{From: entry.From, At: entry.At}, err
}
