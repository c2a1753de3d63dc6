package champions

import (
	"strconv"
	"testing"

	"iris/internal/registry"
)

// version returns a served version of the model m.
func version(number, run string, size int64) *Served {
	return &Served{Version: registry.Version{Model: "m", Number: number, RunID: run}, size: size}
}

func TestRecent_limitsTheNumberOfVersions(t *testing.T) {
	r := newRecent(1 << 40)
	var last *Served
	for i := range maxRecent + 10 {
		last = version(strconv.Itoa(i+1), "", 3)
		r.add(last)
	}
	if versions, bytes := r.count(); versions != maxRecent || bytes != 3*maxRecent {
		t.Errorf("keeps %d versions of %d bytes, want %d of 3 each", versions, bytes, maxRecent)
	}
	if r.get(registry.VersionKey{Model: "m", Number: "1"}) != nil || !r.has(last) {
		t.Error("the first version is kept, or the last one is not")
	}
}

// MLflow counts from 1 again after a model was deleted and created anew.
func TestRecent_sameNumberOfAnotherRun(t *testing.T) {
	r := newRecent(100)
	one, another := version("1", "a", 60), version("1", "b", 70)
	r.add(one)
	r.add(another)
	r.remove(one)
	if versions, bytes := r.count(); versions != 1 || bytes != 70 || r.has(one) || !r.has(another) {
		t.Errorf("keeps %d versions of %d bytes, want only the second", versions, bytes)
	}
	r.remove(another)
	if versions, bytes := r.count(); versions != 0 || bytes != 0 {
		t.Errorf("keeps %d versions of %d bytes, want none", versions, bytes)
	}
}
