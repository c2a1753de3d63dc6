package registry

import (
	"maps"
	"slices"
)

// Champions returns what is served now, in the order of the names of the models. It takes no lock and does no I/O.
func (c *Cache) Champions() []*Served {
	champions := *c.champions.Load()
	list := make([]*Served, 0, len(champions))
	for _, name := range slices.Sorted(maps.Keys(champions)) {
		list = append(list, champions[name])
	}
	return list
}
