// Package champions holds the models that a process serves: the champion of every model, kept up to date by polling the
// registry, and an LRU of other loaded versions. It lets the registry reconcile itself with MLflow from time to time,
// but promotes nothing, and it knows no protocol: what answers a request is above it.
package champions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"iris/internal/modelcache"
	"iris/internal/registry"
	"iris/model"
)

// Served is a version that is ready to predict. It never changes. Its Version has no aliases, because aliases move.
type Served struct {
	Version registry.Version
	Model   *model.Model

	size int64 // estimated bytes in memory
}

// is reports whether s is the version that key identifies. A number alone is not enough: MLflow assigns it again after
// a model was deleted and created anew.
func (s *Served) is(key registry.VersionKey) bool {
	return s != nil && s.Version.Number == key.Number && (key.RunID == "" || key.RunID == s.Version.RunID)
}

// Options configures a Cache. Registry is required; other zero values take the defaults.
type Options struct {
	Registry    *registry.Registry
	Logger      *slog.Logger  // default: discards
	Interval    time.Duration // between two polls, default 1 s
	MaxInterval time.Duration // the longest interval while polls fail, default 10 s
	Bytes       int64         // the memory for versions other than champions, default 128 MiB
	// Disk keeps the champions, so that they can be served from it when the process starts during an outage; may be nil.
	Disk *modelcache.Dir
	// OnSwap is called after a champion is published, one call at a time. It must return quickly and must not call the
	// Cache.
	OnSwap func(*Served)
}

// Cache holds loaded models. Reading a champion is one atomic load. Following all champions costs one small request to
// the object store per Interval, however many models there are. Other versions are loaded on first use, and the most
// recently used ones stay in memory, until a check finds that MLflow no longer has them. A Cache is safe for concurrent
// use.
type Cache struct {
	registry    *registry.Registry
	logger      *slog.Logger
	interval    time.Duration
	maxInterval time.Duration
	onSwap      func(*Served)
	wait        func(context.Context, time.Duration) error // sleeps between two polls; tests replace it
	waitCheck   func(context.Context, time.Duration) error // sleeps before a check; tests replace it

	champions atomic.Pointer[map[string]*Served] // replaced, never changed

	mu       sync.Mutex
	observed map[string]uint64 // guarded by mu: the newest published observation of each model
	clock    atomic.Uint64     // numbers observations in the order in which they begin

	polling  sync.Mutex                     // held during a poll
	followed map[string]registry.VersionKey // guarded by polling: the champions that the registry named last
	mark     string                         // guarded by polling: of the registry's state with followed
	failures map[string]*failure            // guarded by polling

	polled, checked atomic.Pointer[pollResult]
	registered      atomic.Pointer[Registered]

	disk     *modelcache.Dir
	kept     keptChampions             // used only by the goroutine in Run
	restored atomic.Pointer[time.Time] // when the champions were kept that are served from the disk, nil if none are

	recent *recent
	absent *absent
	loads  singleflight.Group

	hits, misses, negatives atomic.Uint64 // of Version
	loaded, failed          atomic.Uint64 // champions
}

// pollResult is the outcome of the last poll or check.
type pollResult struct{ err error }

// Defaults of Options, and timeouts of requests to the registry.
const (
	defaultInterval    = time.Second
	defaultMaxInterval = 10 * time.Second
	defaultBytes       = 128 << 20
	pollTimeout        = 5 * time.Second  // for the index of the champions: one object
	loadTimeout        = 30 * time.Second // for one version, whose artifact may have megabytes
)

var errNotPolled = errors.New("the champions have not been looked up yet")

// New returns an empty cache, or an error that names the invalid option. Run fills it; Version and Refresh work without
// Run.
func New(o Options) (*Cache, error) {
	if o.Registry == nil {
		return nil, errors.New("champions: Registry is missing")
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
			"champions: interval %s, maximum %s: want a positive interval and a maximum that is not below it",
			o.Interval,
			o.MaxInterval,
		)
	}
	if o.Bytes < 0 {
		return nil, fmt.Errorf("champions: %d bytes of versions: want 0 or more", o.Bytes)
	}
	c := &Cache{
		registry:    o.Registry,
		logger:      o.Logger,
		interval:    o.Interval,
		maxInterval: o.MaxInterval,
		onSwap:      o.OnSwap,
		wait:        sleep,
		waitCheck:   sleep,
		observed:    map[string]uint64{},
		failures:    map[string]*failure{},
		disk:        o.Disk,
		recent:      newRecent(o.Bytes),
		absent:      newAbsent(),
	}
	c.champions.Store(&map[string]*Served{})
	c.polled.Store(&pollResult{errNotPolled})
	c.checked.Store(&pollResult{})
	return c, nil
}

// Champion returns the champion of a model, or nil if the model has none. It takes no lock and does no I/O.
func (c *Cache) Champion(modelName string) *Served { return (*c.champions.Load())[modelName] }

// Champions returns the champions of all models, sorted by model name. It takes no lock and does no I/O.
func (c *Cache) Champions() []*Served {
	champions := *c.champions.Load()
	list := make([]*Served, 0, len(champions))
	for _, name := range slices.Sorted(maps.Keys(champions)) {
		list = append(list, champions[name])
	}
	return list
}

// Check returns nil if the last poll reached the index of the champions and the last check reached MLflow, and their
// error otherwise. It does not report a champion that is damaged: Run logs and retries that, and the champion before
// it keeps serving.
func (c *Cache) Check() error { return errors.Join(c.polled.Load().err, c.checked.Load().err) }

// Refresh looks up the champion of one model, also in MLflow, and serves it. It returns ErrNotExist if the model has no
// champion.
func (c *Cache) Refresh(ctx context.Context, modelName string) error {
	observation := c.clock.Add(1)
	v, err := c.registry.CheckedChampion(ctx, modelName)
	if errors.Is(err, registry.ErrNotExist) {
		c.publish(modelName, observation, nil)
	}
	if err != nil {
		return err
	}
	s, err := c.loadChampion(ctx, registry.VersionKey{Model: modelName, Number: v.Number, RunID: v.RunID})
	if err != nil {
		return err
	}
	c.publish(modelName, observation, s)
	return nil
}

// loadChampion is load for a champion, and counts the outcome.
func (c *Cache) loadChampion(ctx context.Context, key registry.VersionKey) (*Served, error) {
	s, err := c.load(ctx, key)
	switch {
	case err != nil:
		c.failed.Add(1)
	case s != c.Champion(key.Model):
		c.loaded.Add(1)
	}
	return s, err
}

// publish makes s the champion; nil means none. It does nothing if a later observation is already published: a poll
// that read the alias before a promotion must not undo the Refresh after it.
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
	if s == nil { // the version may have been deleted, so it is not kept
		delete(next, modelName)
		c.champions.Store(&next)
		c.logger.Warn("model has no champion any more", "model", modelName, "version", old.Version.Number)
		return
	}
	if old != nil && old.Version.Number != s.Version.Number {
		c.recent.add(old) // before the swap, so that a lookup finds it in one place or the other
	}
	next[modelName] = s
	c.champions.Store(&next)
	c.recent.remove(s) // a champion takes no room from the other versions
	c.logger.Info("serving a new champion", "model", modelName, "version", s.Version.Number)
	if c.onSwap != nil {
		c.onSwap(s)
	}
}

// Holds reports whether s is still in memory, as a champion or as a recently used version.
func (c *Cache) Holds(s *Served) bool { return c.Champion(s.Version.Model) == s || c.recent.has(s) }

// Stats are the contents of a Cache now, and its counters since New.
type Stats struct {
	Champions     int
	ChampionBytes int64  // estimated, in memory
	Versions      int    // other than champions
	VersionBytes  int64  // estimated, in memory
	Hits          uint64 // requested versions that were in memory
	Misses        uint64 // requested versions that were looked up or loaded
	Negatives     uint64 // requested versions that were known not to exist
	Loaded        uint64 // champions loaded
	Failed        uint64 // failed attempts to load a champion
}

// Stats returns the current statistics.
func (c *Cache) Stats() Stats {
	st := Stats{
		Hits:      c.hits.Load(),
		Misses:    c.misses.Load(),
		Negatives: c.negatives.Load(),
		Loaded:    c.loaded.Load(),
		Failed:    c.failed.Load(),
	}
	st.Versions, st.VersionBytes = c.recent.count()
	for _, s := range *c.champions.Load() {
		st.Champions++
		st.ChampionBytes += s.size
	}
	return st
}
