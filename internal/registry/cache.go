package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"iris/model"
)

// Served is a version ready to predict. It never changes. The aliases of its Version are left out: they move.
type Served struct {
	Version Version
	Model   *model.Model

	size int64 // bytes in memory, estimated
}

// CacheOptions is what a Cache works with. Zero values take the defaults.
type CacheOptions struct {
	Registry    *Registry
	Logger      *slog.Logger  // default: none
	Interval    time.Duration // between two polls, default 1 s
	MaxInterval time.Duration // that the interval grows to while polls fail, default 10 s
	Bytes       int64         // of the versions kept in memory beside the champions, default 128 MiB
	// OnSwap is called after a champion was published, one call at a time. It must be quick and must not call the Cache.
	OnSwap func(*Served)
}

// Cache serves models. The champion of every model is one atomic load away and follows the registry, at the cost of one
// request to MLflow per Interval, whatever the number of models. Other versions are loaded when they are first asked
// for, and the latest of them are kept. Its methods may be called from any number of goroutines.
type Cache struct {
	registry *Registry
	logger   *slog.Logger
	interval time.Duration
	maximum  time.Duration
	onSwap   func(*Served)
	wait     func(context.Context, time.Duration) error // sleep; tests count the naps

	champions atomic.Pointer[map[string]*Served] // replaced, never changed

	mu       sync.Mutex
	observed map[string]uint64 // guarded by mu: the newest observation published, per model
	clock    atomic.Uint64     // numbers observations in the order in which they begin

	failures map[string]*failure // of the goroutine in Run alone
	polled   atomic.Pointer[pollResult]

	kept   *kept
	absent *absent
	loads  singleflight.Group

	hits, misses, negatives atomic.Uint64 // of Version
	loaded, failed          atomic.Uint64 // champions
}

// pollResult is how the last poll went.
type pollResult struct{ err error }

// Defaults of CacheOptions, and how long the cache waits for an answer.
const (
	defaultInterval    = time.Second
	defaultMaxInterval = 10 * time.Second
	defaultBytes       = 128 << 20
	pollTimeout        = 5 * time.Second  // for the list of models: about 10 ms when all is well
	loadTimeout        = 30 * time.Second // for one version: an artifact may have megabytes
)

var errNotPolled = errors.New("the champions were not looked up yet")

// NewCache returns an empty cache, or what is missing. Run fills it; Version and Refresh work without.
func NewCache(o CacheOptions) (*Cache, error) {
	if o.Registry == nil {
		return nil, errors.New("registry cache: Registry is missing")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Interval == 0 {
		o.Interval = defaultInterval
	}
	if o.MaxInterval == 0 {
		o.MaxInterval = max(defaultMaxInterval, o.Interval)
	}
	if o.Bytes == 0 {
		o.Bytes = defaultBytes
	}
	if o.Interval < 0 || o.MaxInterval < o.Interval {
		return nil, fmt.Errorf(
			"registry cache: interval %s up to %s: want the first above 0 and not above the second",
			o.Interval,
			o.MaxInterval,
		)
	}
	if o.Bytes < 0 {
		return nil, fmt.Errorf("registry cache: %d bytes of versions: want 0 or more", o.Bytes)
	}
	c := &Cache{
		registry: o.Registry, logger: o.Logger, interval: o.Interval, maximum: o.MaxInterval, onSwap: o.OnSwap, wait: sleep,
		observed: map[string]uint64{}, failures: map[string]*failure{},
		kept: newKept(o.Bytes), absent: newAbsent(),
	}
	c.champions.Store(&map[string]*Served{})
	c.polled.Store(&pollResult{errNotPolled})
	return c, nil
}

// Champion returns the champion of a model, nil when it has none. It takes no lock and does no I/O.
func (c *Cache) Champion(modelName string) *Served { return (*c.champions.Load())[modelName] }

// Check reports whether the champions are up to date as far as the registry could be asked: nil, or why the last poll
// failed. A champion that could not be loaded is logged and retried, and no reason to stop serving the one before it.
func (c *Cache) Check() error { return c.polled.Load().err }

// Refresh brings one model up to date before it returns: the champion that the registry names now is served, or the
// error says why not. ErrNotExist when there is none.
func (c *Cache) Refresh(ctx context.Context, modelName string) error {
	observation := c.clock.Add(1)
	v, err := c.registry.Champion(ctx, modelName)
	if errors.Is(err, ErrNotExist) {
		c.publish(modelName, observation, nil)
	}
	if err != nil {
		return err
	}
	s, err := c.loadChampion(ctx, champion{model: modelName, number: v.Number, runID: v.RunID})
	if err != nil {
		return err
	}
	c.publish(modelName, observation, s)
	return nil
}

// loadChampion is load for a version that is about to be served, and counts how it ends.
func (c *Cache) loadChampion(ctx context.Context, ch champion) (*Served, error) {
	s, err := c.load(ctx, ch)
	switch {
	case err != nil:
		c.failed.Add(1)
	case s != c.Champion(ch.model):
		c.loaded.Add(1)
	}
	return s, err
}

// publish makes s the champion, nil for none, unless an observation that began later has been published: a poll that
// read the alias before a promotion must not undo the Refresh after it.
func (c *Cache) publish(modelName string, observation uint64, s *Served) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.observed[modelName] > observation {
		return
	}
	c.observed[modelName] = observation
	old := c.Champion(modelName)
	if old == s {
		return
	}
	next := maps.Clone(*c.champions.Load())
	if old != nil {
		c.kept.add(old) // before it goes: who asks for it finds it here or there
	}
	if s == nil {
		delete(next, modelName)
		c.champions.Store(&next)
		c.logger.Warn("model has no champion any more", "model", modelName, "version", old.Version.Number)
		return
	}
	next[modelName] = s
	c.champions.Store(&next)
	c.kept.remove(s) // a champion is never let go of, whatever else is asked for
	c.logger.Info("serving a new champion", "model", modelName, "version", s.Version.Number)
	if c.onSwap != nil {
		c.onSwap(s)
	}
}

// Holds reports whether s is in memory still: as a champion, or among the versions kept.
func (c *Cache) Holds(s *Served) bool { return c.Champion(s.Version.Model) == s || c.kept.has(s) }

// Stats is what a Cache holds, and what it has done since it was made.
type Stats struct {
	Champions     int
	ChampionBytes int64 // in memory, estimated, as are VersionBytes
	Versions      int   // beside the champions
	VersionBytes  int64
	Hits          uint64 // versions asked for that were in memory
	Misses        uint64 // that were looked up or loaded
	Negatives     uint64 // that were known not to exist
	Loaded        uint64 // champions that were loaded
	Failed        uint64 // tries to load one that failed
}

// Stats returns the numbers of now.
func (c *Cache) Stats() Stats {
	st := Stats{
		Hits:      c.hits.Load(),
		Misses:    c.misses.Load(),
		Negatives: c.negatives.Load(),
		Loaded:    c.loaded.Load(),
		Failed:    c.failed.Load(),
	}
	st.Versions, st.VersionBytes = c.kept.count()
	for _, s := range *c.champions.Load() {
		st.Champions++
		st.ChampionBytes += s.size
	}
	return st
}

// sleep waits for d or the end of ctx, whose error it returns.
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
