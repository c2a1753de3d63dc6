package champions

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"iris/internal/registry"
)

// Limits of absent.
const (
	absentTime  = 5 * time.Second // also the longest delay until a version is found that was requested before it existed
	absentCount = 1024
)

// absent remembers references that name nothing, so that repeated requests for them do not reach MLflow each time.
type absent struct {
	now func() time.Time

	mu  sync.Mutex
	lru *simplelru.LRU[string, absence] // guarded by mu
}

type absence struct {
	err   error
	until time.Time
}

func newAbsent() *absent { return &absent{now: time.Now, lru: unboundedLRU[absence](nil)} }

// check returns the remembered error of a reference, or nil if the reference must be looked up.
func (a *absent) check(modelName, ref string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := cacheKey(modelName, ref)
	known, ok := a.lru.Get(key)
	if ok && a.now().Before(known.until) {
		return known.err
	}
	a.lru.Remove(key)
	return nil
}

// remember keeps err if it is ErrNotExist.
func (a *absent) remember(modelName, ref string, err error) {
	if !errors.Is(err, registry.ErrNotExist) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lru.Add(cacheKey(modelName, ref), absence{err, a.now().Add(absentTime)})
	for a.lru.Len() > absentCount {
		a.lru.RemoveOldest()
	}
}
