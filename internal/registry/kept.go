package registry

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// sizeFactor is how many bytes of memory a byte of an artifact becomes. Measured for the models of all algorithms it is
// 0.4 to 3.2, and up to 5 for those of a few kilobytes; an estimate that is too high keeps fewer versions.
const sizeFactor = 4

// maxKept is how many versions are kept, however small: each has series in the metrics of an API.
const maxKept = 128

// kept are versions beside the champions: the latest asked for, up to a number of bytes. One that is larger than that
// alone is kept until another is asked for, or every request for it would load it again.
type kept struct {
	limit int64

	mu    sync.Mutex
	order *simplelru.LRU[string, *Served] // guarded by mu, as is bytes
	bytes int64
}

func newKept(limit int64) *kept {
	k := &kept{limit: limit}
	k.order = unboundedLRU(func(_ string, s *Served) { k.bytes -= s.size })
	return k
}

// unboundedLRU is an LRU whose owner bounds it.
func unboundedLRU[V any](onRemove func(string, V)) *simplelru.LRU[string, V] {
	order, err := simplelru.NewLRU(math.MaxInt, onRemove)
	if err != nil {
		panic(err) // cannot happen: the size is positive
	}
	return order
}

func versionKey(modelName, number string) string { return modelName + "/" + number }

func (k *kept) get(key string) (*Served, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.order.Get(key)
}

// add keeps s, and lets go of what was not asked for the longest until all fits.
func (k *kept) add(s *Served) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := versionKey(s.Version.Model, s.Version.Number)
	k.order.Remove(key) // what has the same number may be of another run, and of another size
	k.order.Add(key, s)
	k.bytes += s.size
	for k.order.Len() > maxKept || k.bytes > k.limit && k.order.Len() > 1 {
		k.order.RemoveOldest()
	}
}

// remove lets go of s.
func (k *kept) remove(s *Served) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := versionKey(s.Version.Model, s.Version.Number)
	if held, ok := k.order.Peek(key); ok && held == s {
		k.order.Remove(key)
	}
}

// has reports whether s is kept, and does not count as asking for it.
func (k *kept) has(s *Served) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	held, ok := k.order.Peek(versionKey(s.Version.Model, s.Version.Number))
	return ok && held == s
}

func (k *kept) count() (versions int, bytes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.order.Len(), k.bytes
}

// Bounds of what is remembered not to exist.
const (
	absentTime  = 5 * time.Second // the most that a version just registered is not found for, where it was asked for before
	absentCount = 1024
)

// absent remembers which references name nothing, so that whoever goes on asking for them does not reach MLflow each
// time.
type absent struct {
	now func() time.Time

	mu    sync.Mutex
	order *simplelru.LRU[string, absence] // guarded by mu
}

type absence struct {
	err   error
	until time.Time
}

func newAbsent() *absent { return &absent{now: time.Now, order: unboundedLRU[absence](nil)} }

// check returns the error that the reference was last answered with, nil when it has to be looked up.
func (a *absent) check(modelName, ref string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := versionKey(modelName, ref)
	known, ok := a.order.Get(key)
	if ok && a.now().Before(known.until) {
		return known.err
	}
	a.order.Remove(key)
	return nil
}

// note takes note of what became of a reference.
func (a *absent) note(modelName, ref string, err error) {
	if !errors.Is(err, ErrNotExist) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.order.Add(versionKey(modelName, ref), absence{err, a.now().Add(absentTime)})
	for a.order.Len() > absentCount {
		a.order.RemoveOldest()
	}
}
