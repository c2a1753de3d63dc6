package model

// Description is a family as plain data: all that a client must know to ask for it.
type Description struct {
	Algorithm  Algorithm
	Summary    string // a sentence
	Parameters []Parameter
}

// Parameter describes one hyperparameter.
type Parameter struct {
	Name    string
	About   string // a sentence
	Default any    // float64, int64, string or, of an array, a list of them
	Domain
}

// Domain is the values that a hyperparameter may take.
type Domain struct {
	Type      string   // "number", "integer", "string" or "array", as JSON Schema calls them
	Low, High float64  // of numbers and integers, both included
	Extra     []int64  // integers that are allowed beside those from Low to High
	Words     []string // all that a string may be
	Items     *Domain  // of an array: what each of its elements may be
	Longest   int      // of an array: how many elements it may have
}

// Describe returns the description of a, with its parameters in the order of the family's table, and false when there
// is no such family. The caller must not change its slices.
func Describe(a Algorithm) (Description, bool) {
	f, ok := families[a]
	if !ok {
		return Description{}, false
	}
	d := Description{Algorithm: a, Summary: f.summary, Parameters: make([]Parameter, len(f.parameters))}
	for i, p := range f.parameters {
		d.Parameters[i] = Parameter{Name: p.name, About: p.about, Default: p.standard, Domain: p.domain}
	}
	return d, true
}
