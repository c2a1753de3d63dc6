package registry

import (
	"context"
	"time"
)

// SetWait replaces how Run sleeps between two polls. Call it before Run.
func (c *Cache) SetWait(wait func(context.Context, time.Duration) error) { c.wait = wait }

// Kept is how many versions the cache keeps beside the champions.
func (c *Cache) Kept() int { return c.versions.Len() }
