package registry

import (
	"context"
	"time"
)

// SetWait replaces how Run sleeps between two polls. Call it before Run.
func (c *Cache) SetWait(wait func(context.Context, time.Duration) error) { c.wait = wait }

// SetNow replaces the clock by which the cache forgets what did not exist.
func (c *Cache) SetNow(now func() time.Time) { c.absent.now = now }

// Bounds of what the cache remembers not to exist.
const (
	AbsentTime  = absentTime
	AbsentCount = absentCount
)

// Absent is how many references the cache remembers to name nothing.
func (c *Cache) Absent() int { return c.absent.order.Len() }
