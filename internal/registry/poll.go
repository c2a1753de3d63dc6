package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"iris/model"
)

// champion is what a poll learns of a model.
type champion struct {
	model  string
	number string
	runID  string // "" when the poll's answer did not hold the version
}

// is reports whether s is that champion. A number alone is not enough: it is given again when a model is deleted and
// made anew.
func (ch champion) is(s *Served) bool {
	return s != nil && s.Version.Number == ch.number && (ch.runID == "" || ch.runID == s.Version.RunID)
}

// Run follows the champions until ctx ends, and returns nil then. A poll that fails is tried again after the interval,
// then after twice as long, up to the maximum; what is served stays. Only one Run at a time.
func (c *Cache) Run(ctx context.Context) error {
	backoff := c.interval
	for {
		err := c.poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		before := c.polled.Swap(&pollResult{err}).err
		nap := c.interval
		if err != nil {
			nap, backoff = backoff, min(2*backoff, c.maximum)
			c.logger.Warn("cannot look up the champions", "error", err, "retry_in", nap.String())
		} else if backoff = c.interval; before != nil {
			c.logger.Info("following the champions", "champions", len(*c.champions.Load()))
		}
		if c.wait(ctx, nap) != nil {
			return nil
		}
	}
}

// poll looks up all champions in one request and swaps those that changed. Its error is that of the request: a champion
// that cannot be loaded holds up no other.
func (c *Cache) poll(ctx context.Context) error {
	observation := c.clock.Add(1)
	champions, err := c.lookUp(ctx)
	if err != nil {
		return err
	}
	var loads sync.WaitGroup
	for name, ch := range champions {
		if s := c.Champion(name); ch.is(s) {
			delete(c.failures, name)
			c.publish(name, observation, s)
			continue
		}
		f := c.failures[name]
		if f == nil || f.champion != ch {
			f = &failure{champion: ch}
			c.failures[name] = f
		}
		if f.skip() {
			continue
		}
		loads.Go(func() {
			s, err := c.loadChampion(ctx, ch)
			if err == nil {
				c.publish(name, observation, s)
				return
			}
			f.again(err, c.interval, c.maximum)
			c.logger.Error("cannot load the champion", "model", name, "version", ch.number, "error", err)
		})
	}
	loads.Wait()
	maps.DeleteFunc(c.failures, func(name string, f *failure) bool { return champions[name] != f.champion })
	for name := range *c.champions.Load() {
		if _, ok := champions[name]; !ok {
			c.publish(name, observation, nil)
		}
	}
	return nil
}

// lookUp is the one request of a poll.
func (c *Cache) lookUp(ctx context.Context) (map[string]champion, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	registered, err := c.registry.mlflow.RegisteredModels(ctx)
	if err != nil {
		return nil, fmt.Errorf("look up the champions: %w", outage(err))
	}
	champions := make(map[string]champion, len(registered))
	for _, m := range registered {
		number := m.Aliases[ChampionAlias]
		if number == "" || model.CheckName(m.Name) != nil {
			continue
		}
		ch := champion{model: m.Name, number: number}
		if latest, ok := latestVersion(m); ok && latest.Version == number {
			ch.runID = latest.RunID
		}
		champions[m.Name] = ch
	}
	return champions, nil
}

// failure is a champion that could not be loaded. It is left out of ever more polls, as many as fit in the maximum
// interval, and of all of them when no retry can mend it.
type failure struct {
	champion champion
	left     int // polls to leave it out of, from now on
	last     int // polls it was left out of the last time
	final    bool
}

// skip reports whether to leave the champion out of this poll, and counts.
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

// again takes note of another failed try.
func (f *failure) again(err error, interval, maximum time.Duration) {
	f.final = errors.Is(err, errForeign)
	f.last = min(2*f.last+1, int(maximum/interval)-1)
	f.left = f.last
}
