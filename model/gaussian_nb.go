package model

import (
	"context"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

var gaussianNBParameters = []parameter{
	number("var_smoothing", 1e-9, 1e-15, 1).
		means("The share of the largest variance of any feature that is added to every variance."),
	array(number("priors", 0, 1e-9, 1e9), 1000).
		means("Frequency of the classes, one number per class in the order of the schema. Only their ratios matter. " +
			"Empty takes the shares of the training rows."),
}

// gaussianNB is Gaussian naive Bayes: within a class, every feature is normally distributed and independent of the
// others.
//
// Estimates and smoothing are those of GaussianNB of scikit-learn. The smoothing keeps a feature that is constant
// within a class from making every other value impossible. The mean and the variance are updated row by row as in Chan,
// Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
type gaussianNB struct {
	Priors    []float64 `json:"priors"`    // per class, with the sum 1; 0 for a class without training rows
	Means     []float64 `json:"means"`     // feature by feature, one per class
	Variances []float64 `json:"variances"` // feature by feature, one per class; smoothed, above 0
	// Likelihoods has, per feature of codes, the logarithms of the probabilities of the codes, code by code, one per
	// class; see codeLikelihoods. The mean 0 and the variance 1 of such a feature are not used. It is null for a number,
	// and absent if all features are numbers.
	Likelihoods [][]float64 `json:"likelihoods,omitempty"`

	constants []float64 // per class: the part of the log density that does not depend on the row; derived by prepare
	inverses  []float64 // 1/√(2·variance), feature by feature; derived by prepare
}

// gaussianNBWeighs refuses weights together with priors.
func gaussianNBWeighs(values map[string]any) string {
	if priors, ok := values["priors"].(elements); ok && len(priors) > 0 {
		return "is given, and the hyperparameter priors as well: both set the weight of a class, give one of them"
	}
	return ""
}

// outOfReach is the constant of a class with the prior 0. No sum of squares brings another class that low, so the
// probability of this class is 0 for every row.
const outOfReach = -1e250

// prepare implements scorer.
func (m *gaussianNB) prepare(features, classes int) error {
	if len(m.Priors) != classes || len(m.Means) != features*classes || len(m.Variances) != features*classes {
		return fmt.Errorf("%d priors, %d means and %d variances for %d features and %d classes",
			len(m.Priors), len(m.Means), len(m.Variances), features, classes)
	}
	sum := 0.0
	for k, v := range m.Priors {
		if !within(v, 1) || v < 0 {
			return fmt.Errorf("prior %d is %v, want a share", k, v)
		}
		sum += v
	}
	if math.Abs(sum-1) > 1e-9 {
		return fmt.Errorf("priors add up to %v, want 1", sum)
	}
	if err := m.checkLikelihoods(features, classes); err != nil {
		return err
	}
	m.constants, m.inverses = make([]float64, classes), make([]float64, features*classes)
	for i, v := range m.Variances {
		if !within(v, math.MaxFloat64) || v <= 0 || !within(m.Means[i], math.MaxFloat64) {
			return fmt.Errorf("feature %d: mean %v, variance %v", i/classes, m.Means[i], v)
		}
		m.inverses[i] = 1 / (math.Sqrt2 * math.Sqrt(v)) // 2·v may be infinite
		if m.likelihoods(i/classes) == nil {
			m.constants[i%classes] -= (math.Log(2*math.Pi) + math.Log(v)) / 2
		}
	}
	for k, prior := range m.Priors {
		if prior == 0 {
			m.constants[k] = outOfReach
		} else {
			m.constants[k] += math.Log(prior)
		}
	}
	return nil
}

// score implements scorer. It keeps the sums of two and three classes in registers.
func (m *gaussianNB) score(x, p []float64) {
	if m.Likelihoods != nil {
		m.scoreMixed(x, p)
		return
	}
	switch len(p) {
	case 2:
		a, b := m.constants[0], m.constants[1]
		for f, v := range x {
			mean, inverse := m.Means[2*f:][:2], m.inverses[2*f:][:2]
			a -= square((v - mean[0]) * inverse[0])
			b -= square((v - mean[1]) * inverse[1])
		}
		p[0], p[1] = a, b
	case 3:
		a, b, c := m.constants[0], m.constants[1], m.constants[2]
		for f, v := range x {
			mean, inverse := m.Means[3*f:][:3], m.inverses[3*f:][:3]
			a -= square((v - mean[0]) * inverse[0])
			b -= square((v - mean[1]) * inverse[1])
			c -= square((v - mean[2]) * inverse[2])
		}
		p[0], p[1], p[2] = a, b, c
	default:
		copy(p, m.constants)
		for f, v := range x {
			means, inverses := m.Means[f*len(p):][:len(p)], m.inverses[f*len(p):][:len(p)]
			for k := range p {
				p[k] -= square((v - means[k]) * inverses[k])
			}
		}
	}
	normalise(p)
}

// square returns z², or maxWeight² if that is less.
func square(z float64) float64 {
	if z *= z; z > maxWeight*maxWeight {
		return maxWeight * maxWeight
	}
	return z
}

// fitGaussianNB estimates priors, means and variances in one pass over the rows.
func fitGaussianNB(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h struct {
		VarSmoothing float64   `json:"var_smoothing"`
		Priors       []float64 `json:"priors"`
	}
	if err := s.read(&h); err != nil {
		return nil, err
	}
	features, classes := len(t.Schema.Features), len(t.Schema.Classes)
	if n := len(h.Priors); n != 0 && n != classes {
		return nil, &SpecError{"/hyperparameters/priors", fmt.Sprintf("%d priors, the data has %d classes", n, classes)}
	}
	m := &gaussianNB{Means: make([]float64, features*classes), Variances: make([]float64, features*classes)}
	rows := make([]float64, classes)
	for r, y := range t.Y {
		if r%rowsPerCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		rows[y]++
		for f, v := range t.Row(r) {
			if t.Codes != nil && t.Codes[f] > 0 {
				continue
			}
			i := f*classes + y
			delta := v - m.Means[i]
			m.Means[i] += delta / rows[y]
			m.Variances[i] += delta * (v - m.Means[i])
		}
	}
	_, variances := moments(t)
	if t.Codes != nil {
		m.Likelihoods = codeLikelihoods(t, rows, variances)
	}
	smooth := h.VarSmoothing * slices.Max(variances)
	if slices.Max(variances) < 1/maxMagnitude/maxMagnitude {
		smooth = 1 // no feature varies measurably, so any density will do
	}
	for i := range m.Variances {
		m.Variances[i] = m.Variances[i]/max(rows[i%classes], 1) + smooth
		if m.likelihoods(i/classes) != nil {
			m.Variances[i] = 1
		}
	}
	weights, err := s.weights(t, false)
	if err != nil {
		return nil, err
	}
	for k := range rows { // the rows of a class have equal weights, so weights affect only the priors
		rows[k] *= weights[k]
	}
	m.Priors = classShares(h.Priors, rows)
	if err := m.prepare(features, classes); err != nil {
		return nil, err
	}
	report(Progress{Iteration: 1, Total: 1, Loss: trainingLoss(m, t, len(t.Y))})
	return m, nil
}

// classShares returns the prior of each class: the given one, or the share of its rows. A class without rows has no
// distribution to weigh, so its prior is always 0.
func classShares(given, rows []float64) []float64 {
	shares, sum := slices.Clone(rows), 0.0
	for k := range shares {
		if len(given) != 0 && rows[k] != 0 {
			shares[k] = given[k]
		}
		sum += shares[k]
	}
	for k := range shares {
		shares[k] /= sum
	}
	return shares
}

// onnx implements scorer. It squares differences, as score does. MatMul could compute the squares from products with x²
// and x, but these would cancel each other if a mean is large and its variance small. A class with the prior 0 needs no
// special case, because its constant is outOfReach.
func (m *gaussianNB) onnx(g *onnx.Graph) string {
	joint := ""
	if m.Likelihoods == nil {
		joint = m.onnxNumbers(g, g.Rows, g.Features, m.Means, m.inverses)
	} else {
		joint = m.onnxMixed(g)
	}
	return g.Node("Softmax", []string{joint}, onnx.Int("axis", 1))
}

// onnxNumbers adds the logarithm of the joint density of numbers, up to a constant, and returns its name.
func (m *gaussianNB) onnxNumbers(g *onnx.Graph, rows string, features int, means, inverses []float64) string {
	classes := len(m.Priors)
	x := g.Node("Unsqueeze", []string{rows, g.Ints("axis", 2)}) // [N, features, 1]
	z := g.Node("Sub", []string{x, g.Doubles("means", means, features, classes)})
	z = g.Node("Mul", []string{z, g.Doubles("inverses", inverses, features, classes)})
	z = g.Clipped(z, maxWeight)
	squares := g.Node("Mul", []string{z, z})
	sum := g.Node("ReduceSum", []string{squares, g.Ints("axis", 1)}, onnx.Int("keepdims", 0))
	return g.Node("Sub", []string{g.Doubles("constants", m.constants, classes), sum})
}
