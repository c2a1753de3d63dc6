package champions

import (
	"context"
	"errors"
	"slices"
	"time"
)

// How often MLflow is checked.
const (
	minCheckInterval = 2 * time.Second
	maxCheckInterval = 30 * time.Second
	// checkShare is how many times longer the interval is than the check before it. A check lists all models, so with
	// many models MLflow would otherwise do little else.
	checkShare = 50
	// checkTimeout is for a check that finds much to repair.
	checkTimeout = time.Minute
)

// runChecks checks MLflow until ctx ends.
func (c *Cache) runChecks(ctx context.Context) {
	pause := minCheckInterval
	for c.waitCheck(ctx, pause) == nil {
		start := time.Now()
		err := c.check(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause = max(minCheckInterval, min(checkShare*time.Since(start), maxCheckInterval))
		} else {
			pause = min(2*pause, maxCheckInterval)
			c.logger.Warn("cannot check MLflow", "error", err, "retry_in", pause.String())
		}
		c.checked.Store(&pollResult{err})
	}
}

// check compares what is served with MLflow. An alias that somebody moved in MLflow becomes a promotion, and a version
// that somebody deleted leaves the memory.
func (c *Cache) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	start := time.Now()
	models, err := c.registry.ReconcileChampions(ctx)
	if models != nil {
		c.registered.Store(&Registered{At: start, models: models})
	}
	lookUp, loads := c.poll(ctx) // serves at once what it found
	return errors.Join(err, lookUp, loads, c.dropDeleted(ctx))
}

// Registered are the models that MLflow had at a time.
type Registered struct {
	At     time.Time // no later than the list
	models []string
}

// Has reports whether a model was among them.
func (r *Registered) Has(modelName string) bool { return slices.Contains(r.models, modelName) }

// Registered returns the models of the last check, nil before the first.
func (c *Cache) Registered() *Registered { return c.registered.Load() }

// dropDeleted drops the versions that MLflow no longer has. The champions are not among them: ReconcileChampions
// removes those from the index.
func (c *Cache) dropDeleted(ctx context.Context) error {
	held := c.recent.keys()
	if len(held) == 0 {
		return nil
	}
	alive, err := c.registry.Alive(ctx, held)
	if err != nil {
		return err
	}
	for _, key := range held {
		if !alive[key] && c.recent.drop(key) {
			c.logger.Info("dropped a version that was deleted", "model", key.Model, "version", key.Number)
		}
	}
	return nil
}
