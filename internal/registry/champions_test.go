package registry_test

import (
	"slices"
	"testing"

	"iris/internal/registry"
)

func TestCache_championsInOrder(t *testing.T) {
	w := newWorld(t)
	w.register(1)
	cache, err := registry.NewCache(registry.CacheOptions{Registry: w.Registry})
	if err != nil {
		t.Fatal(err)
	}
	if got := cache.Champions(); len(got) != 0 {
		t.Errorf("%d champions before one is known", len(got))
	}
	w.promote("1", 0)
	if err := cache.Refresh(t.Context(), w.model); err != nil {
		t.Fatal(err)
	}
	if got := cache.Champions(); !slices.Equal(got, []*registry.Served{cache.Champion(w.model)}) {
		t.Errorf("champions %v, want the one of %s", got, w.model)
	}
}
