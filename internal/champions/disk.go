package champions

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"iris/internal/registry"
)

// keepInterval is how often the snapshot on the disk is renewed while nothing changes: its time says when these were
// last known to be the champions.
const keepInterval = time.Minute

// keptChampions are the champions in the snapshot on the disk.
type keptChampions struct {
	champions map[string]*Served
	at        time.Time
	restored  bool // the disk was asked once
}

// KeptAt returns when the champions were kept that are served from the disk, or zero if they come from the registry.
func (c *Cache) KeptAt() time.Time {
	if at := c.restored.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// FromDisk reports whether the champions come from the disk, because no poll has reached the registry yet.
func (c *Cache) FromDisk() bool { return c.restored.Load() != nil }

// useDisk keeps the champions after a poll that reached the registry. After the first one that did not, it serves the
// champions that the disk has, until a poll succeeds.
func (c *Cache) useDisk(ctx context.Context, polled error) {
	if c.disk == nil {
		return
	}
	if polled == nil {
		c.kept.restored = true
		c.restored.Store(nil)
		c.keep(time.Now())
		return
	}
	if !c.kept.restored && ctx.Err() == nil {
		c.kept.restored = true
		c.restore(ctx)
	}
}

// keep writes the snapshot if the champions have changed, and once in a while if they have not.
func (c *Cache) keep(now time.Time) {
	served := *c.champions.Load()
	if maps.Equal(served, c.kept.champions) && now.Sub(c.kept.at) < keepInterval {
		return
	}
	versions := make([]registry.Version, 0, len(served))
	needs := make([]string, 0, len(served))
	for _, name := range slices.Sorted(maps.Keys(served)) {
		versions = append(versions, served[name].Version)
		needs = append(needs, served[name].Version.ArtifactSHA256)
	}
	c.kept.champions, c.kept.at = served, now // also after an error: the next attempt is not sooner
	if err := c.disk.Keep(versions, needs, now); err != nil {
		c.logger.Warn("cannot keep the champions on the disk", "error", err)
	}
}

// restore serves the champions of the snapshot. An observation of the registry, however old, is newer than it.
func (c *Cache) restore(ctx context.Context) {
	var versions []registry.Version
	at, err := c.disk.Restore(&versions)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.logger.Error("cannot read the champions on the disk", "error", err)
		return
	}
	for _, v := range versions {
		s, err := c.decode(ctx, v)
		if err != nil {
			c.logger.Error("cannot load a champion from the disk", "model", v.Model, "version", v.Number, "error", err)
			continue
		}
		if c.Champion(v.Model) == nil {
			c.publish(v.Model, 0, s)
			c.restored.Store(&at)
		}
	}
	if c.FromDisk() {
		c.logger.Warn("serving the champions that were kept on the disk", "kept_at", at)
	}
}

// AwaitAll returns when all champions have been looked up once and are loaded, or are served from the disk, or when ctx
// ends. It needs Run.
func (c *Cache) AwaitAll(ctx context.Context) error {
	const interval = 5 * time.Millisecond
	for c.Check() != nil && !c.FromDisk() {
		if err := sleep(ctx, interval); err != nil {
			return err
		}
	}
	return nil
}
