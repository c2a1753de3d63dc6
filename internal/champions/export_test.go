package champions

import (
	"context"
	"time"
)

// SetWait replaces how Run sleeps between two polls. Call it before Run.
func (c *Cache) SetWait(wait func(context.Context, time.Duration) error) { c.wait = wait }

// SetWaitCheck replaces how Run sleeps before a check. Call it before Run.
func (c *Cache) SetWaitCheck(wait func(context.Context, time.Duration) error) { c.waitCheck = wait }

// SetNow replaces the clock by which the cache forgets absent versions.
func (c *Cache) SetNow(now func() time.Time) { c.absent.now = now }

// Limits of the absent versions that the cache remembers.
const (
	AbsentTime  = absentTime
	AbsentCount = absentCount
)

// Absent returns how many absent references the cache remembers.
func (c *Cache) Absent() int { return c.absent.lru.Len() }
