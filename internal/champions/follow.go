package champions

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"iris/internal/registry"
)

// Run follows the champions until ctx ends, and then returns nil. After a failed poll it waits for the interval, then
// for twice as long, up to the maximum, and keeps serving what it has. After the first poll it also checks MLflow from
// time to time. Call Run only once at a time.
func (c *Cache) Run(ctx context.Context) error {
	var checks sync.WaitGroup
	defer checks.Wait()
	backoff := c.interval
	for first := true; ; first = false {
		err, loads := c.poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		c.useDisk(ctx, cmp.Or(err, loads))
		before := c.polled.Swap(&pollResult{cmp.Or(err, loads)}).err
		pause := c.interval
		if err != nil {
			pause, backoff = backoff, min(2*backoff, c.maxInterval)
			c.logger.Warn("cannot look up the champions", "error", err, "retry_in", pause.String())
		} else if backoff = c.interval; before != nil && loads == nil {
			c.logger.Info("following the champions", "champions", len(*c.champions.Load()))
		}
		if first {
			checks.Go(func() { c.runChecks(ctx) })
		}
		if c.wait(ctx, pause) != nil {
			return nil
		}
	}
}

// poll looks up all champions in one request and swaps those that changed. It returns the error of that request, and
// apart from it that of a champion which could not be loaded because MLflow does not answer: that one does not delay
// the others.
func (c *Cache) poll(ctx context.Context) (lookUp, loads error) {
	c.polling.Lock()
	defer c.polling.Unlock()
	observation := c.clock.Add(1)
	champions, err := c.lookUp(ctx)
	if err != nil {
		return err, nil
	}
	var loading sync.WaitGroup
	var unavailable atomic.Pointer[error]
	for name, key := range champions {
		if s := c.Champion(name); s.is(key) {
			delete(c.failures, name)
			c.publish(name, observation, s)
			continue
		}
		f := c.failures[name]
		if f == nil || f.key != key {
			f = &failure{key: key}
			c.failures[name] = f
		}
		if f.skip() {
			if errors.Is(f.err, registry.ErrUnavailable) {
				unavailable.Store(&f.err)
			}
			continue
		}
		loading.Go(func() {
			s, err := c.loadChampion(ctx, key)
			if err == nil {
				c.publish(name, observation, s)
				return
			}
			if errors.Is(err, registry.ErrUnavailable) {
				unavailable.Store(&err)
			}
			f.backOff(err, c.interval, c.maxInterval)
			c.logger.Error("cannot load the champion", "model", name, "version", key.Number, "error", err)
		})
	}
	loading.Wait()
	maps.DeleteFunc(c.failures, func(name string, f *failure) bool { return champions[name] != f.key })
	for name := range *c.champions.Load() {
		if _, ok := champions[name]; !ok {
			c.publish(name, observation, nil)
		}
	}
	c.forgetObserved(champions, observation)
	if first := unavailable.Load(); first != nil {
		return nil, *first
	}
	return nil, nil
}

// lookUp makes the one request of a poll. The caller holds polling.
func (c *Cache) lookUp(ctx context.Context) (map[string]registry.VersionKey, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	champions, mark, err := c.registry.Champions(ctx, c.mark)
	switch {
	case err == nil:
		c.followed, c.mark = champions, mark
	case !errors.Is(err, registry.ErrNotModified):
		return nil, err
	}
	return c.followed, nil
}

// forgetObserved forgets what was observed about models that have no champion.
func (c *Cache) forgetObserved(champions map[string]registry.VersionKey, observation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.observed, func(name string, at uint64) bool {
		_, ok := champions[name]
		return !ok && at <= observation
	})
}

// failure is a champion that could not be loaded. It is retried with exponential backoff, counted in polls and limited
// by the maximum interval; if no retry can succeed, it is not retried.
type failure struct {
	key     registry.VersionKey
	err     error // of the last attempt
	left    int   // polls to skip from now on
	skipped int   // polls skipped before the last attempt
	final   bool
}

// skip reports whether this poll leaves the champion out.
func (f *failure) skip() bool {
	if f.final {
		return true
	}
	if f.left > 0 {
		f.left--
		return true
	}
	return false
}

// backOff records another failed attempt.
func (f *failure) backOff(err error, interval, maxInterval time.Duration) {
	f.err = err
	f.final = errors.Is(err, registry.ErrForeign)
	f.skipped = min(2*f.skipped+1, int(maxInterval/interval)-1)
	f.left = f.skipped
}

// sleep waits for d, or returns the error of ctx if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
