package champions

import (
	"context"
	"fmt"
	"math"

	"iris/internal/registry"
	"iris/model"
)

// Version returns a version of a model and loads it if needed. The reference is one that registry.Resolve takes.
// Version finds a number, models:/<model>/<number> and, while Run follows it, the champion without a request if they
// are in memory; other forms are resolved each time. Its errors are those of registry.Resolve and registry.Load. It
// remembers ErrNotExist for 5 s, except for the champion; it remembers no other error.
func (c *Cache) Version(ctx context.Context, modelName, ref string) (*Served, error) {
	r, err := registry.ParseReference(modelName, ref)
	if err != nil {
		return nil, err
	}
	if s := c.inMemory(modelName, r); s != nil {
		c.hits.Add(1)
		return s, nil
	}
	if r.Alias == registry.ChampionAlias { // the first version of a model may be promoted any moment
		c.misses.Add(1)
		return c.resolve(ctx, modelName, ref)
	}
	if err := c.absent.check(modelName, ref); err != nil {
		c.negatives.Add(1)
		return nil, err
	}
	c.misses.Add(1)
	var s *Served
	if r.Number != "" {
		s, err = c.load(ctx, registry.VersionKey{Model: modelName, Number: r.Number})
	} else {
		s, err = c.resolve(ctx, modelName, ref)
	}
	c.absent.remember(modelName, ref, err)
	return s, err
}

// inMemory returns the version that a reference names, or nil if finding or loading it takes a request.
func (c *Cache) inMemory(modelName string, r registry.Reference) *Served {
	switch {
	case r.Alias == registry.ChampionAlias:
		return c.Champion(modelName)
	case r.Number != "":
		return c.find(registry.VersionKey{Model: modelName, Number: r.Number})
	}
	return nil
}

// resolve asks the registry which version a reference names, and loads it.
func (c *Cache) resolve(ctx context.Context, modelName, ref string) (*Served, error) {
	v, err := c.registry.Resolve(ctx, modelName, ref)
	if err != nil {
		return nil, err
	}
	return c.load(ctx, registry.VersionKey{Model: modelName, Number: v.Number, RunID: v.RunID})
}

// find returns a champion or a recently used version, or nil if the version is not in memory.
func (c *Cache) find(key registry.VersionKey) *Served {
	// The champion comes first: after a model was made anew, the recent versions may still have the old one of its number.
	if s := c.Champion(key.Model); s.is(key) {
		return s
	}
	if s := c.recent.get(key); s != nil {
		return s
	}
	if s := c.Champion(key.Model); s.is(key) { // it has become the champion between the two
		return s
	}
	return nil
}

// load returns a version from memory, or loads it. Concurrent callers share one load.
func (c *Cache) load(ctx context.Context, key registry.VersionKey) (*Served, error) {
	if s := c.find(key); s != nil {
		return s, nil
	}
	// The load belongs to all who wait for it, so it does not end with the context of the first.
	loaded := c.loads.DoChan(cacheKey(key.Model, key.Number)+"@"+key.RunID, func() (any, error) {
		if s := c.find(key); s != nil { // another load has ended in the meantime
			return s, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		s, err := c.download(ctx, key)
		if err != nil {
			return nil, err
		}
		c.recent.add(s)
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

// download loads a version from the registry and checks that it predicts.
func (c *Cache) download(ctx context.Context, key registry.VersionKey) (*Served, error) {
	v, err := c.registry.Resolve(ctx, key.Model, key.Number)
	if err != nil {
		return nil, err
	}
	if key.RunID != "" && v.RunID != key.RunID {
		return nil, fmt.Errorf("%s of run %s %w: it was deleted, and its number is another version now",
			v.URI(), key.RunID, registry.ErrNotExist)
	}
	return c.decode(ctx, v)
}

// decode loads a version that is known and checks that it predicts.
func (c *Cache) decode(ctx context.Context, v registry.Version) (*Served, error) {
	m, size, err := c.registry.LoadSized(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := warm(m); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", v.URI(), registry.ErrCorrupt, err)
	}
	v.Aliases = nil
	return &Served{Version: v, Model: m, size: sizeFactor * int64(size)}, nil
}

// warm makes one prediction and checks its probabilities, so that the first request finds warm memory and a model that
// works.
func warm(m *model.Model) error {
	schema := m.Schema()
	probabilities := make([]float64, len(schema.Classes))
	m.Predict(make([]float64, schema.Width()), probabilities)
	sum := 0.0
	for _, p := range probabilities {
		sum += p
	}
	if !(math.Abs(sum-1) < 1e-6) { // also true for NaN
		return fmt.Errorf("the probabilities of a prediction add up to %v", sum)
	}
	return nil
}
