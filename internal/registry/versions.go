package registry

import (
	"context"
	"fmt"
	"math"

	"iris/model"
)

// Version returns a version of a model, loaded once and kept while it is among the latest asked for. The reference is
// one that Registry.Resolve takes. A number, models:/<model>/<version> and, while Run follows it, the champion are found
// without a request when they are in memory; the other forms are resolved each time. Errors are Resolve's and Load's;
// they are not kept.
func (c *Cache) Version(ctx context.Context, modelName, ref string) (*Served, error) {
	if err := checkName(modelName); err != nil {
		return nil, err
	}
	p, err := parseReference(ref)
	if err != nil {
		return nil, err
	}
	served := c.Champion(modelName)
	if p.model == "" || p.model == modelName {
		if p.alias == ChampionAlias && served != nil {
			return served, nil
		}
		if p.number != "" {
			return c.load(ctx, champion{model: modelName, number: p.number})
		}
	}
	v, err := c.registry.Resolve(ctx, modelName, ref)
	if err != nil {
		return nil, err
	}
	return c.load(ctx, champion{model: modelName, number: v.Number, runID: v.RunID})
}

// load returns a version that is served already, kept, or being loaded by somebody else; if there is none, it loads it.
func (c *Cache) load(ctx context.Context, ch champion) (*Served, error) {
	if s := c.Champion(ch.model); ch.is(s) {
		return s, nil
	}
	key := ch.model + "/" + ch.number
	if s, ok := c.versions.Get(key); ok && ch.is(s) {
		return s, nil
	}
	// The load belongs to all who wait for it, so it does not end with the context of the first.
	loaded := c.loads.DoChan(key, func() (any, error) {
		if s, ok := c.versions.Get(key); ok && ch.is(s) { // another load ended since
			return s, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		s, err := c.registry.serve(ctx, ch)
		if err != nil {
			return nil, err
		}
		c.versions.Add(key, s)
		return s, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-loaded:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*Served), nil
	}
}

// serve loads a version and makes sure that it predicts.
func (r *Registry) serve(ctx context.Context, ch champion) (*Served, error) {
	v, err := r.version(ctx, ch.model, ch.number)
	if err != nil {
		return nil, err
	}
	m, err := r.Load(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := warm(m); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", v.URI(), ErrCorrupt, err)
	}
	v.Aliases = nil
	return &Served{Version: v, Model: m}, nil
}

// warm makes one prediction, so that the first request meets no cold memory, and checks that it is one.
func warm(m *model.Model) error {
	schema := m.Schema()
	probabilities := make([]float64, len(schema.Classes))
	m.Predict(make([]float64, len(schema.Features)), probabilities)
	sum := 0.0
	for _, p := range probabilities {
		sum += p
	}
	if !(math.Abs(sum-1) < 1e-6) { // also when it is NaN
		return fmt.Errorf("the probabilities of a prediction add up to %v", sum)
	}
	return nil
}
