package registry

// LateTime is how long an alias may be on its way.
const LateTime = lateTime

// Key returns the key of the entry in the object store.
func (e Entry) Key() string { return e.key() }
