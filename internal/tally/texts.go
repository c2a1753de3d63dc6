package tally

import (
	"cmp"
	"slices"
	"strings"
)

// Texts counts texts. It counts each text exactly while there are at most Limit different ones. Beyond them it forgets
// the rarest ones again and again (lossy counting, Manku and Motwani 2002), so the frequent ones stay, and it estimates
// how many different texts there are from those whose hash begins with zeros.
type Texts struct {
	limit   int
	slots   []int32 // open addressing: 1 + the index of an entry, 0 for none; a power of two of them
	entries []Text
	floor   int // a forgotten text was counted at most that often
	sample  *sample
}

// Text is a text and how often it was counted.
type Text struct {
	Text  string
	Count int
	hash  uint64
}

// NewTexts returns a Texts that remembers at most that many texts.
func NewTexts(limit int) *Texts { return &Texts{limit: limit} }

// Grow raises the limit.
func (t *Texts) Grow(limit int) { t.limit = max(t.limit, limit) }

// Full reports whether another text would make t forget some.
func (t *Texts) Full() bool { return len(t.entries) >= t.limit }

// Add counts a text, whose Hash is given. It copies a text that it keeps.
func (t *Texts) Add(text string, hash uint64) {
	if t.sample != nil {
		t.sample.add(hash, 1)
	}
	at := t.find(text, hash)
	if at >= 0 && t.slots[at] > 0 {
		t.entries[t.slots[at]-1].Count++
		return
	}
	if t.Full() {
		t.forget()
	}
	if 2*(len(t.entries)+1) > len(t.slots) {
		t.rehash(max(16, 2*len(t.slots)))
	}
	t.entries = append(t.entries, Text{strings.Clone(text), t.floor + 1, hash})
	t.slots[t.find(text, hash)] = int32(len(t.entries)) //nolint:gosec // far below 2^31
}

// find returns the slot of a text, or the free slot for it, or -1 if t has no slots yet.
func (t *Texts) find(text string, hash uint64) int {
	mask := len(t.slots) - 1
	if mask < 0 {
		return -1
	}
	for i := int(hash) & mask; ; i = (i + 1) & mask { //nolint:gosec // the low bits count
		e := t.slots[i]
		if e == 0 || t.entries[e-1].hash == hash && t.entries[e-1].Text == text {
			return i
		}
	}
}

func (t *Texts) rehash(size int) {
	t.slots = make([]int32, size)
	for i := range t.entries {
		t.slots[t.find(t.entries[i].Text, t.entries[i].hash)] = int32(i + 1) //nolint:gosec // far below 2^31
	}
}

// forget drops the rarest texts, at least a quarter of them.
func (t *Texts) forget() {
	if t.sample == nil {
		t.sample = &sample{counts: map[uint64]int{}}
		for _, e := range t.entries {
			t.sample.add(e.hash, e.Count)
		}
	}
	counts := make([]int, len(t.entries))
	for i, e := range t.entries {
		counts[i] = e.Count
	}
	slices.Sort(counts)
	t.floor = counts[len(counts)/4]
	t.entries = slices.DeleteFunc(t.entries, func(e Text) bool { return e.Count <= t.floor })
	t.rehash(max(16, len(t.slots)))
}

// Distinct returns how many different texts were added, and whether that is exact.
func (t *Texts) Distinct() (n int, exact bool) {
	if t.sample == nil {
		return len(t.entries), true
	}
	return len(t.sample.counts) << t.sample.depth, false
}

// Unique reports whether no text was added twice, as far as t can tell.
func (t *Texts) Unique() bool {
	if t.sample == nil {
		return !slices.ContainsFunc(t.entries, func(e Text) bool { return e.Count > 1 })
	}
	for _, n := range t.sample.counts {
		if n > 1 {
			return false
		}
	}
	return true
}

// Sorted returns the texts, the most frequent first, and equally frequent ones in bytewise order.
func (t *Texts) Sorted() []Text {
	sorted := slices.Clone(t.entries)
	slices.SortFunc(sorted, func(a, b Text) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Text, b.Text))
	})
	return sorted
}

// sample counts the hashes that begin with as many zeros as it takes to have few of them (Wegman's adaptive sampling,
// Flajolet 1990).
type sample struct {
	depth  int
	counts map[uint64]int
}

const maxSample = 4096

func (s *sample) add(hash uint64, n int) {
	if hash>>(64-s.depth) != 0 {
		return
	}
	s.counts[hash] += n
	for len(s.counts) > maxSample {
		s.depth++
		for h := range s.counts {
			if h>>(64-s.depth) != 0 {
				delete(s.counts, h)
			}
		}
	}
}
