package activities

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"iris/internal/registry"
)

// PromotionResult says what a promotion did. It is the result of the activity and of the workflow.
type PromotionResult struct {
	Promoted bool      `json:"promoted"`       // false: the champion was not the expected one, and nothing changed
	From     string    `json:"from,omitempty"` // the champion before; if nothing changed, the present champion
	To       string    `json:"to"`
	At       time.Time `json:"at"`
}

// UnmarshalJSON also accepts the results that activities of older workers recorded: they have "champion_changed"
// instead of "promoted".
func (r *PromotionResult) UnmarshalJSON(data []byte) error {
	type plain PromotionResult
	recorded := struct {
		*plain
		Promoted        *bool `json:"promoted"`
		ChampionChanged bool  `json:"champion_changed"`
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(data, &recorded); err != nil {
		return err
	}
	if r.Promoted = !recorded.ChampionChanged; recorded.Promoted != nil {
		r.Promoted = *recorded.Promoted
	}
	return nil
}

// PromoteVersion makes a version the champion and writes the entry in the model's history. Only Promotion runs it. A
// second attempt recognizes the promotion of the first by the run id, finishes what it began and returns the same
// result.
func (a *Activities) PromoteVersion(ctx context.Context, in registry.Promotion) (PromotionResult, error) {
	_, stop := beat(ctx)
	defer stop()
	result, err := a.promoteVersion(ctx, in)
	return result, translate(ctx, err)
}

func (a *Activities) promoteVersion(ctx context.Context, in registry.Promotion) (PromotionResult, error) {
	// Promotions of a model share their workflow id; the run id tells them apart.
	in.TaskID = activity.GetInfo(ctx).WorkflowExecution.RunID
	entry, err := a.o.Registry.Promote(ctx, in)
	if errors.Is(err, registry.ErrChampionChanged) {
		return PromotionResult{From: entry.From, To: in.Version, At: in.At}, nil
	}
	return PromotionResult{Promoted: err == nil, From: entry.From, To: in.Version, At: entry.At}, err
}
