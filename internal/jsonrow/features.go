package jsonrow

// Features are the names of a model's inputs, in the order of its rows.
type Features struct {
	Names []string
	index map[string]int
}

// NewFeatures returns features with these names.
func NewFeatures(names []string) Features {
	f := Features{Names: names, index: make(map[string]int, len(names))}
	for i, name := range names {
		f.index[name] = i
	}
	return f
}

// Find returns the index of a name, or -1 for a name that is not a feature. It tries next first, because most objects
// have their members in the order of the features.
func (f *Features) Find(name []byte, next int) int {
	if next < len(f.Names) && string(name) == f.Names[next] {
		return next
	}
	return f.lookUp(name)
}

// lookUp is apart so that the compiler can inline Find.
func (f *Features) lookUp(name []byte) int {
	if i, ok := f.index[string(name)]; ok {
		return i
	}
	return -1
}
