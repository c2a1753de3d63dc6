package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"iris/internal/dataset"
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

// Promote makes a version the champion of its model by compare-and-set on the index of the champions. Then it writes
// the entry in the history, sets the schema of the model and moves the aliases. If the version cannot be loaded, it
// returns ErrCorrupt. If another version than the expected one is the champion, it returns ErrChampionChanged and an
// Entry whose From is the champion. In both cases nothing changes. Promoting the champion does nothing and writes no
// entry.
//
// Any number of promotions of a model may overlap: each happens wholly or not at all, in the order of the history. A
// second attempt of the same task finishes what the first one began and returns the same entry.
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
	h, err := r.align(ctx, p.Model, nil) // sees an alias that was moved in MLflow
	if err != nil || h.by(p) {
		return h.Entry, err
	}
	keys, err := r.historyKeys(ctx, p.Model)
	if err != nil {
		return Entry{}, err
	}
	tried, i, err := r.entryOf(ctx, keys, p)
	if err != nil {
		return Entry{}, err
	}
	// Iris 0.1.0 wrote the entry before it moved the alias. Only its last entry may be of a promotion that it left
	// unfinished, and only before this version has promoted.
	if i >= 0 && (i < len(keys)-1 || h.TaskID != "" || h.To == p.Version) {
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
	entry := Entry{
		At:     notBefore(keys, p.At.UTC()),
		Model:  p.Model,
		To:     p.Version,
		Actor:  p.Actor,
		Reason: p.Reason,
		TaskID: p.TaskID,
	}
	if i >= 0 {
		entry.At = tried.At
	}
	if entry, err = r.compareAndSet(ctx, p, entry, v.RunID); err != nil || entry.From == entry.To {
		return entry, err
	}
	_, err = r.align(ctx, p.Model, map[VersionKey]dataset.Schema{
		{Model: p.Model, Number: p.Version, RunID: v.RunID}: m.Schema(),
	})
	return entry, err
}

// compareAndSet makes an entry the head of its model if the champion is the expected one, and returns it with the
// champion before.
func (r *Registry) compareAndSet(ctx context.Context, p Promotion, e Entry, runID string) (Entry, error) {
	err := r.update(ctx, func(x index) (bool, error) {
		h := x.Models[p.Model]
		if h.by(p) { // an earlier write whose answer was lost
			e = h.Entry
			return false, nil
		}
		e.From = h.To
		if p.Expected != nil && *p.Expected != e.From {
			return false, fmt.Errorf("%w: it is %s, not %s",
				ErrChampionChanged, cmp.Or(e.From, "none"), cmp.Or(*p.Expected, "none"))
		}
		if e.From == e.To {
			return false, nil
		}
		if err := r.record(ctx, h); err != nil {
			return false, err
		}
		if !e.At.After(h.At) { // a slow clock, or another promotion in the meantime
			e.At = h.At.Add(1)
		}
		next := h.next(e, runID, r.now())
		next.Since = r.now().UTC()
		x.Models[p.Model] = next
		return true, nil
	})
	return e, err
}

// by reports whether a promotion has made the head.
func (h head) by(p Promotion) bool { return h.TaskID == p.TaskID && h.To == p.Version }
