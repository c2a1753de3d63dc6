package registry

import (
	"context"
	"fmt"
	"math"

	"iris/model"
)

// Version returns a version of a model, loaded once and kept while it is among the latest asked for. The reference is
// one that Registry.Resolve takes. A number, models:/<model>/<version> and, while Run follows it, the champion are
// found
// without a request when they are in memory; the other forms are resolved each time. Errors are Resolve's and Load's.
// That something other than the champion does not exist is remembered for 5 s; no other error is.
func (c *Cache) Version(ctx context.Context, modelName, ref string) (*Served, error) {
	if err := checkName(modelName); err != nil {
		return nil, err
	}
	p, err := parseReference(ref)
	if err != nil {
		return nil, err
	}
	if s := c.inMemory(modelName, p); s != nil {
		c.hits.Add(1)
		return s, nil
	}
	if p.alias == ChampionAlias { // a model's first version may be served any moment
		c.misses.Add(1)
		return c.resolved(ctx, modelName, ref)
	}
	if err := c.absent.check(modelName, ref); err != nil {
		c.negatives.Add(1)
		return nil, err
	}
	c.misses.Add(1)
	var s *Served
	if p.number != "" && (p.model == "" || p.model == modelName) {
		s, err = c.load(ctx, champion{model: modelName, number: p.number})
	} else {
		s, err = c.resolved(ctx, modelName, ref)
	}
	c.absent.note(modelName, ref, err)
	return s, err
}

// inMemory is the version that a reference names, nil when that takes a request to say, or to load it.
func (c *Cache) inMemory(modelName string, p reference) *Served {
	switch {
	case p.model != "" && p.model != modelName:
		return nil
	case p.alias == ChampionAlias:
		return c.Champion(modelName)
	case p.number != "":
		return c.find(champion{model: modelName, number: p.number})
	}
	return nil
}

// resolved asks the registry which version a reference names.
func (c *Cache) resolved(ctx context.Context, modelName, ref string) (*Served, error) {
	v, err := c.registry.Resolve(ctx, modelName, ref)
	if err != nil {
		return nil, err
	}
	return c.load(ctx, champion{model: modelName, number: v.Number, runID: v.RunID})
}

// find returns a version that is served or kept, nil when it is neither.
func (c *Cache) find(ch champion) *Served {
	if s, ok := c.kept.get(versionKey(ch.model, ch.number)); ok && ch.is(s) {
		return s
	}
	if s := c.Champion(ch.model); ch.is(s) {
		return s
	}
	return nil
}

// load returns a version that is served already, kept, or being loaded by somebody else; if there is none, it loads it.
func (c *Cache) load(ctx context.Context, ch champion) (*Served, error) {
	if s := c.find(ch); s != nil {
		return s, nil
	}
	// The load belongs to all who wait for it, so it does not end with the context of the first.
	loaded := c.loads.DoChan(versionKey(ch.model, ch.number), func() (any, error) {
		if s := c.find(ch); s != nil { // another load ended since
			return s, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		s, err := c.registry.serve(ctx, ch)
		if err != nil {
			return nil, err
		}
		c.kept.add(s)
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
	m, size, err := r.load(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := warm(m); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", v.URI(), ErrCorrupt, err)
	}
	v.Aliases = nil
	return &Served{Version: v, Model: m, size: sizeFactor * int64(size)}, nil
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
