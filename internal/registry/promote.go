package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
)

// Promotion asks for a version to become the champion of its model. It is also the input of the workflow and of the
// activity that promote.
type Promotion struct {
	Model   string `json:"model"`
	Version string `json:"version"` // number
	// Expected is the number of the champion that the decision was made against, "" for none. If another version is the
	// champion by then, nothing changes. Nil accepts any champion.
	Expected *string   `json:"expected_champion,omitempty"`
	Actor    string    `json:"actor"` // a task id, or the name that an API client gives
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at,omitzero"` // set by the workflow
	TaskID   string    `json:"-"`           // set by the activity; one task promotes a version once, however often it tries
}

// UnmarshalJSON also accepts "expected", the name that the inputs of recorded activities have.
func (p *Promotion) UnmarshalJSON(data []byte) error {
	type plain Promotion
	recorded := struct {
		*plain
		Expected *string `json:"expected"`
	}{plain: (*plain)(p)}
	if err := json.Unmarshal(data, &recorded); err != nil {
		return err
	}
	p.Expected = cmp.Or(p.Expected, recorded.Expected)
	return nil
}

// Promote makes a version the champion and the champion before it `previous`, gives the model the version's schema and
// writes the entry in its history. A version that cannot be loaded is refused with ErrCorrupt, another champion than
// the expected one with ErrChampionChanged and an Entry whose From is the champion; nothing has moved then. Making the
// champion champion is no promotion and leaves no entry.
//
// The entry is written before the aliases move, and is what a second try recognises: it finishes what the first began,
// and returns the same entry. That is right only because the promotions of a model come one after the other.
func (r *Registry) Promote(ctx context.Context, p Promotion) (Entry, error) {
	if err := p.check(); err != nil {
		return Entry{}, err
	}
	entry, err := r.promote(ctx, p)
	if err != nil {
		return entry, fmt.Errorf("promote %s/%s: %w", p.Model, p.Version, err)
	}
	return entry, nil
}

func (p Promotion) check() error {
	if err := checkName(p.Model); err != nil {
		return err
	}
	if !numberPattern.MatchString(p.Version) {
		return fmt.Errorf("version %s: %w", quote(p.Version), ErrBadReference)
	}
	if p.TaskID == "" || p.At.IsZero() {
		return fmt.Errorf("promote %s/%s: a promotion needs a task id and a time", p.Model, p.Version)
	}
	return nil
}

func (r *Registry) promote(ctx context.Context, p Promotion) (Entry, error) {
	keys, err := r.historyKeys(ctx, p.Model)
	if err != nil {
		return Entry{}, err
	}
	tried, i, err := r.entryOf(ctx, keys, p)
	if err != nil {
		return Entry{}, err
	}
	if i >= 0 && i < len(keys)-1 { // others came after it, so it had been finished
		return tried, nil
	}
	v, err := r.version(ctx, p.Model, p.Version)
	if err != nil {
		return Entry{}, err
	}
	m, err := r.Load(ctx, v)
	if err != nil {
		return Entry{}, err
	}
	if i >= 0 {
		return tried, r.move(ctx, tried, m.Schema())
	}
	entry := Entry{
		At:     after(keys, p.At.UTC()),
		Model:  p.Model,
		To:     p.Version,
		Actor:  p.Actor,
		Reason: p.Reason,
		TaskID: p.TaskID,
	}
	if entry.From, err = r.championNumber(ctx, p.Model); err != nil {
		return Entry{}, err
	}
	if p.Expected != nil && *p.Expected != entry.From {
		return entry, fmt.Errorf("%w: it is %s, not %s", ErrChampionChanged, orNone(entry.From), orNone(*p.Expected))
	}
	if entry.From == entry.To {
		return entry, nil
	}
	if _, err := r.store.PutJSON(ctx, r.bucket, entry.key(), entry); err != nil {
		return Entry{}, fmt.Errorf("write history: %w", outage(err))
	}
	return entry, r.move(ctx, entry, m.Schema())
}

// move does what the entry says. Each step may be done again. The champion comes last: whoever sees it sees the rest.
func (r *Registry) move(ctx context.Context, e Entry, s dataset.Schema) error {
	if err := r.writeSchema(ctx, e.Model, s); err != nil {
		return err
	}
	if e.From != "" {
		if err := r.mlflow.SetAlias(ctx, e.Model, PreviousAlias, e.From); err != nil {
			return fmt.Errorf("set alias %s: %w", PreviousAlias, outage(err))
		}
	}
	if err := r.mlflow.SetAlias(ctx, e.Model, ChampionAlias, e.To); err != nil {
		return fmt.Errorf("set alias %s: %w", ChampionAlias, outage(err))
	}
	return nil
}

// championNumber is "" when the model has no champion. It reads nothing but the number: a champion whose tags somebody
// broke must not stand in the way of the next.
func (r *Registry) championNumber(ctx context.Context, modelName string) (string, error) {
	mv, err := r.mlflow.GetAlias(ctx, modelName, ChampionAlias)
	if errors.Is(err, mlflow.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up the champion of %s: %w", modelName, outage(err))
	}
	return mv.Version, nil
}

func orNone(number string) string {
	if number == "" {
		return "none"
	}
	return number
}
