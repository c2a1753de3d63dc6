package model

// Description describes a family of learners to clients.
type Description struct {
	Algorithm  Algorithm
	Summary    string      // a sentence
	Parameters []Parameter // in the order of the documentation
}

// Parameter describes one hyperparameter.
type Parameter struct {
	Name    string
	About   string // a sentence
	Default any    // float64, int64, string, or what encodes to an array or an object; nil if it must be given
	Domain
}

// Domain is the set of values that a hyperparameter can have.
type Domain struct {
	Type      string      // number, integer, string, array or object: the type in JSON Schema
	Low, High float64     // inclusive bounds of numbers and integers
	Extra     []int64     // integers outside of Low to High that are valid too
	Words     []string    // the valid strings; nil if all are
	Items     *Domain     // the domain of each element of an array, or of each member of an object; nil if any will do
	Shortest  int         // the minimum length of an array
	Longest   int         // its maximum length
	Fields    []Parameter // the members of an object, if no others may be in it
	Auto      bool        // the word auto is valid too: the fit chooses by its table
}

// Describe returns the description of a, and false if the algorithm does not exist. The caller must not change the
// slices of the description.
func Describe(a Algorithm) (Description, bool) {
	f, ok := families[a]
	if !ok {
		return Description{}, false
	}
	d := Description{Algorithm: a, Summary: f.summary, Parameters: make([]Parameter, len(f.parameters))}
	for i, p := range f.parameters {
		d.Parameters[i] = Parameter{Name: p.name, About: p.about, Default: p.fallback, Domain: p.domain}
	}
	return d, true
}
