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
	TaskID   string    `json:"-"`           // set by the activity; a task promotes a version only once
}

// MarshalJSON also writes "expected", the name by which the activities of 0.1.0 know the expected champion. A worker of
// that version ignores the other name and would promote over any champion.
func (p Promotion) MarshalJSON() ([]byte, error) {
	type plain Promotion
	return json.Marshal(struct {
		plain
		Expected010 *string `json:"expected,omitempty"`
	}{plain(p), p.Expected})
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

// Promote makes a version the champion of its model: it moves the aliases, sets the schema of the model and writes an
// entry in its history. If the version cannot be loaded, it returns ErrCorrupt. If another version than the expected
// one is the champion, it returns ErrChampionChanged and an Entry whose From is the champion. In both cases nothing
// changes. Promoting the champion does nothing and writes no entry.
//
// Promote writes the entry before it moves the aliases. A second attempt recognizes the entry, finishes what the first
// one began, and returns the same entry. That requires that the promotions of a model never overlap.
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
	if i >= 0 && i < len(keys)-1 { // a later promotion shows that this one was finished
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
		At:     notBefore(keys, p.At.UTC()),
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
		return entry, fmt.Errorf("%w: it is %s, not %s",
			ErrChampionChanged, cmp.Or(entry.From, "none"), cmp.Or(*p.Expected, "none"))
	}
	if entry.From == entry.To {
		return entry, nil
	}
	if _, err := r.store.PutJSON(ctx, r.bucket, entry.key(), entry); err != nil {
		return Entry{}, fmt.Errorf("write history: %w", outage(err))
	}
	return entry, r.move(ctx, entry, m.Schema())
}

// move carries out an entry. Each step may be repeated. The alias champion moves last, so that whoever sees the new
// champion sees the rest as well.
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

// championNumber returns the number of the champion, or "" if the model has none. It reads only the number, so that a
// champion with damaged tags does not prevent the next promotion.
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
