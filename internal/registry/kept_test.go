package registry

import (
	"strconv"
	"testing"
)

func TestKept_isBoundedInVersionsToo(t *testing.T) {
	k := newKept(1 << 40)
	var last *Served
	for i := range maxKept + 10 {
		last = &Served{Version: Version{Model: "m", Number: strconv.Itoa(i + 1)}, size: 3}
		k.add(last)
	}
	if versions, bytes := k.count(); versions != maxKept || bytes != 3*maxKept {
		t.Errorf("keeps %d versions of %d bytes, want %d of 3 each", versions, bytes, maxKept)
	}
	if _, ok := k.get("m/1"); ok || !k.has(last) {
		t.Error("the first is kept, or the last is not")
	}
}

// A model that is deleted and made anew counts its versions from 1 again.
func TestKept_theSameNumberOfAnother(t *testing.T) {
	k := newKept(100)
	one := &Served{Version: Version{Model: "m", Number: "1", RunID: "a"}, size: 60}
	another := &Served{Version: Version{Model: "m", Number: "1", RunID: "b"}, size: 70}
	k.add(one)
	k.add(another)
	k.remove(one)
	if versions, bytes := k.count(); versions != 1 || bytes != 70 || k.has(one) || !k.has(another) {
		t.Errorf("keeps %d versions of %d bytes, want the second alone", versions, bytes)
	}
	k.remove(another)
	if versions, bytes := k.count(); versions != 0 || bytes != 0 {
		t.Errorf("keeps %d versions of %d bytes, want none", versions, bytes)
	}
}
