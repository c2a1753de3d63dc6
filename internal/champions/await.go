package champions

import (
	"context"
	"errors"
	"time"

	"iris/internal/registry"
)

// awaitInterval is the time between two attempts of Await to reach the registry.
const awaitInterval = 100 * time.Millisecond

// Await returns true once the Cache serves a version that was promoted, or a champion after it. It looks the champion
// up at once instead of waiting for the next poll. It returns false if it could not by the end of ctx. The caller must
// know that the promotion has ended.
func (c *Cache) Await(ctx context.Context, promoted registry.VersionKey) bool {
	for !c.Champion(promoted.Model).is(promoted) {
		err := c.Refresh(ctx, promoted.Model)
		// Whatever champion, or none, the registry names after the promotion is the right one.
		if err == nil || errors.Is(err, registry.ErrNotExist) {
			return true
		}
		if sleep(ctx, awaitInterval) != nil {
			return false
		}
	}
	return true
}
