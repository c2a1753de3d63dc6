package model

import (
	"fmt"
	"math"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

// codeLikelihoods returns the Likelihoods of the features of t that are codes, and sets their variances to 0. rows is
// the number of rows by class.
//
// The probability of a code within a class is smoothed as by Laplace, with as many rows as there are codes, but these
// have the shares of the codes in the whole table: a code that few rows have must not tell for the class that has few.
// A code that no row has tells nothing.
func codeLikelihoods(t *dataset.Table, rows, variances []float64) [][]float64 {
	classes, features := len(t.Schema.Classes), len(t.Schema.Features)
	all := make([][]float64, features)
	for f, codes := range t.Codes {
		if codes == 0 {
			continue
		}
		variances[f] = 0
		found, counts := make([]float64, codes), make([]float64, codes*classes)
		for r, y := range t.Y {
			code := int(t.X[r*features+f])
			found[code]++
			counts[code*classes+y]++
		}
		added := float64(codes)
		for i, n := range counts {
			if of := found[i/classes]; of > 0 {
				counts[i] = math.Log((n + added*of/float64(t.Rows())) / (rows[i%classes] + added))
			}
		}
		all[f] = counts
	}
	return all
}

// likelihoods returns the Likelihoods of feature f, nil for a number.
func (m *gaussianNB) likelihoods(f int) []float64 {
	if m.Likelihoods == nil {
		return nil
	}
	return m.Likelihoods[f]
}

// leastLikelihood bounds the logarithm of a probability in an artifact. The number of rows bounds it in a fit.
const leastLikelihood = -1000

func (m *gaussianNB) checkLikelihoods(features, classes int) error {
	if m.Likelihoods != nil && len(m.Likelihoods) != features {
		return fmt.Errorf("likelihoods of %d features, want %d", len(m.Likelihoods), features)
	}
	for f, values := range m.Likelihoods {
		if len(values)%classes != 0 || values != nil && len(values) == 0 {
			return fmt.Errorf("feature %d: %d likelihoods for %d classes", f, len(values), classes)
		}
		for _, v := range values {
			if !(v >= leastLikelihood && v <= 0) {
				return fmt.Errorf("feature %d: likelihood %v", f, v)
			}
		}
	}
	return nil
}

// scoreMixed is score for rows with codes.
func (m *gaussianNB) scoreMixed(x, p []float64) {
	copy(p, m.constants)
	for f, v := range x {
		if of := m.Likelihoods[f]; of != nil {
			code := int(min(max(v, 0), float64(len(of)/len(p)-1)))
			for k, likelihood := range of[code*len(p):][:len(p)] {
				p[k] += likelihood
			}
			continue
		}
		means, inverses := m.Means[f*len(p):][:len(p)], m.inverses[f*len(p):][:len(p)]
		for k := range p {
			p[k] -= square((v - means[k]) * inverses[k])
		}
	}
	normalise(p)
}

// onnxMixed adds the logarithm of the joint probability of rows with codes, up to a constant, and returns its name.
func (m *gaussianNB) onnxMixed(g *onnx.Graph) string {
	classes := len(m.Priors)
	var numbers, codes []int // indexes of features
	var means, inverses, table, first []float64
	for f, of := range m.Likelihoods {
		if of == nil {
			numbers = append(numbers, f)
			means = append(means, m.Means[f*classes:(f+1)*classes]...)
			inverses = append(inverses, m.inverses[f*classes:(f+1)*classes]...)
			continue
		}
		codes, first = append(codes, f), append(first, float64(len(table)/classes))
		table = append(table, of...)
	}
	joint := ""
	if len(numbers) == 0 {
		joint = g.Doubles("constants", m.constants, classes)
	} else {
		rows := g.Node("Gather", []string{g.Rows, g.Ints("numbers", numbers...)}, onnx.Int("axis", 1))
		joint = m.onnxNumbers(g, rows, len(numbers), means, inverses)
	}
	if len(codes) == 0 {
		return joint
	}
	code := g.Node("Gather", []string{g.Rows, g.Ints("codes", codes...)}, onnx.Int("axis", 1))
	place := g.Node("Add", []string{code, g.Doubles("first", first, len(first))}) // in the table of all features
	place = g.Node("Cast", []string{place}, onnx.Int("to", int(onnx.Int64)))
	found := g.Node("Gather", []string{g.Doubles("likelihoods", table, len(table)/classes, classes), place})
	sum := g.Node("ReduceSum", []string{found, g.Ints("axis", 1)}, onnx.Int("keepdims", 0)) // [N, classes]
	return g.Node("Add", []string{joint, sum})
}
