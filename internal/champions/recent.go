package champions

import (
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"iris/internal/registry"
)

// sizeFactor estimates the memory of a model from the length of its artifact. Measured over the models of all
// algorithms the factor is 0.4 to 3.2, and up to 5 for artifacts of a few kilobytes. A high estimate keeps fewer
// versions.
const sizeFactor = 4

// maxRecent limits the number of versions, whatever their size: each has its own series in the metrics of an API.
const maxRecent = 128

// recent is an LRU of versions that are not champions, limited in bytes. A version larger than the limit stays until
// another one is added; otherwise every request for it would load it again.
type recent struct {
	limit int64

	mu    sync.Mutex
	lru   *simplelru.LRU[string, *Served] // guarded by mu
	bytes int64                           // guarded by mu
}

func newRecent(limit int64) *recent {
	r := &recent{limit: limit}
	r.lru = unboundedLRU(func(_ string, s *Served) { r.bytes -= s.size })
	return r
}

// unboundedLRU returns an LRU whose caller evicts.
func unboundedLRU[V any](onRemove func(string, V)) *simplelru.LRU[string, V] {
	lru, err := simplelru.NewLRU(math.MaxInt, onRemove)
	if err != nil {
		panic(err) // cannot happen: the size is positive
	}
	return lru
}

// cacheKey joins a model and a reference to one of its versions. The run is not part of it: a new version with the same
// number replaces the old one.
func cacheKey(modelName, ref string) string { return modelName + "/" + ref }

func (s *Served) cacheKey() string { return cacheKey(s.Version.Model, s.Version.Number) }

// get returns a version, and marks it as used, if it is the one that key identifies.
func (r *recent) get(key registry.VersionKey) *Served {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.lru.Get(cacheKey(key.Model, key.Number)); ok && s.is(key) {
		return s
	}
	return nil
}

// add keeps s and evicts the least recently used versions until all fit.
func (r *recent) add(s *Served) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := s.cacheKey()
	r.lru.Remove(key) // the same number may be of another run, and of another size
	r.lru.Add(key, s)
	r.bytes += s.size
	for r.lru.Len() > maxRecent || r.bytes > r.limit && r.lru.Len() > 1 {
		r.lru.RemoveOldest()
	}
}

// remove evicts s.
func (r *recent) remove(s *Served) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := s.cacheKey()
	if held, ok := r.lru.Peek(key); ok && held == s {
		r.lru.Remove(key)
	}
}

// keys identifies the versions that are kept, without marking them as used.
func (r *recent) keys() []registry.VersionKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []registry.VersionKey
	for _, s := range r.lru.Values() {
		keys = append(keys, registry.VersionKey{Model: s.Version.Model, Number: s.Version.Number, RunID: s.Version.RunID})
	}
	return keys
}

// drop removes the version that key identifies without counting it as used, and reports whether it was there.
func (r *recent) drop(key registry.VersionKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := cacheKey(key.Model, key.Number)
	s, ok := r.lru.Peek(name)
	return ok && s.is(key) && r.lru.Remove(name)
}

// has reports whether s is kept, without marking it as used.
func (r *recent) has(s *Served) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, ok := r.lru.Peek(s.cacheKey())
	return ok && held == s
}

func (r *recent) count() (versions int, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lru.Len(), r.bytes
}
