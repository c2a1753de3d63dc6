package model

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

// maxNeighbours is the maximum of k. Every prediction reserves that many places.
const maxNeighbours = 256

var knnParameters = []parameter{
	integer("k", 5, 1, maxNeighbours).
		means("Number of nearest training rows that vote; all rows vote if there are fewer."),
	choice("weights", "uniform", "uniform", "distance").
		means("Weight of a vote: uniform is 1, distance is 1/distance. Rows at distance 0 outvote all others."),
	choice("scaling", "standard", "standard", "none").
		means("Whether distances are between standardised features or between features as they are."),
}

// knn classifies a row by the k nearest training rows in Euclidean distance. It holds the training rows as they were
// given, which is shorter in the artifact than standardised and exact.
//
// The method is that of Fix and Hodges, "Discriminatory analysis: nonparametric discrimination", 1951. The search is
// exact.
type knn struct {
	K       int       `json:"k"` // at most the number of rows
	Weights string    `json:"weights"`
	Mean    []float64 `json:"mean"`    // per feature; 0 without scaling
	Scale   []float64 `json:"scale"`   // per feature; 1 without scaling
	Rows    []float64 `json:"rows"`    // row by row
	Classes []int     `json:"classes"` // one per row

	tree    *knnTree   // the standardised rows; derived by prepare
	scratch *sync.Pool // of *knnScratch, so that a prediction does not allocate
}

// knnScratch holds the buffers of one prediction.
type knnScratch struct {
	z       []float64 // the row, standardised
	nearest neighbours
}

// prepare implements scorer. fitKNN calls it too, so a second call does nothing.
func (m *knn) prepare(features, classes int) error {
	if m.tree != nil {
		return nil
	}
	if len(m.Mean) != features || len(m.Scale) != features || len(m.Rows) != len(m.Classes)*features {
		return fmt.Errorf("%d means, %d scales and %d values in %d rows of %d features",
			len(m.Mean), len(m.Scale), len(m.Rows), len(m.Classes), features)
	}
	if m.K < 1 || m.K > min(maxNeighbours, len(m.Classes)) {
		return fmt.Errorf("k %d for %d rows", m.K, len(m.Classes))
	}
	if m.Weights != "uniform" && m.Weights != "distance" {
		return fmt.Errorf("weights %q, want uniform or distance", clip(m.Weights))
	}
	if err := checkScaling(m.Mean, m.Scale); err != nil {
		return err
	}
	for i, v := range m.Rows {
		if !within(v, maxMagnitude) {
			return fmt.Errorf("row %d: value %v, want a number within ±%v", i/features, v, maxMagnitude)
		}
	}
	for r, y := range m.Classes {
		if y < 0 || y >= classes {
			return fmt.Errorf("row %d: class %d of %d", r, y, classes)
		}
	}
	points := make([]float64, len(m.Rows))
	for r := range m.Classes {
		m.standardise(points[r*features:], m.Rows[r*features:(r+1)*features])
	}
	m.tree = newKNNTree(points, features)
	m.scratch = &sync.Pool{New: func() any { return &knnScratch{z: make([]float64, features)} }}
	return nil
}

// standardise sets z to the standardised values of x, within bounds that keep every sum of squares finite.
func (m *knn) standardise(z, x []float64) { standardiseRow(z, x, m.Mean, m.Scale, maxMagnitude) }

// score implements scorer.
func (m *knn) score(x, p []float64) {
	s := m.scratch.Get().(*knnScratch)
	m.standardise(s.z, x)
	s.nearest.reset(m.K)
	m.tree.search(s.z, &s.nearest)
	m.vote(s.nearest.list(), p)
	m.scratch.Put(s)
}

// vote sets p to the share of each class in the votes of the neighbours, which are ordered by distance.
func (m *knn) vote(nearest []neighbour, p []float64) {
	clear(p)
	sum := 0.0
	for _, n := range nearest {
		weight := 1.0
		if m.Weights == "distance" && nearest[0].distance > 0 {
			weight = 1 / math.Sqrt(n.distance)
		} else if m.Weights == "distance" && n.distance > 0 {
			break
		}
		p[m.Classes[n.row]] += weight
		sum += weight
	}
	for k := range p {
		p[k] /= sum
	}
}

// knnLossRows is the number of training rows for the loss that fitKNN reports. The loss says little, because nothing is
// fitted, and a search for the neighbours of more rows would take longer than the fit.
const knnLossRows = 30

// fitKNN copies the rows. The loss that it reports is low, because most rows are among their own neighbours.
func fitKNN(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h struct {
		K       int    `json:"k"`
		Weights string `json:"weights"`
		Scaling string `json:"scaling"`
	}
	if err := s.read(&h); err != nil {
		return nil, err
	}
	features := len(t.Schema.Features)
	m := &knn{K: min(h.K, len(t.Y)), Weights: h.Weights, Rows: slices.Clone(t.X), Classes: slices.Clone(t.Y)}
	if h.Scaling == "standard" {
		m.Mean, m.Scale = standardise(t)
	} else {
		m.Mean, m.Scale = make([]float64, features), slices.Repeat([]float64{1}, features)
	}
	if err := m.prepare(features, len(t.Schema.Classes)); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report(Progress{Iteration: 1, Total: 1, Loss: trainingLoss(m, t, knnLossRows)})
	return m, nil
}

// onnx implements scorer. It compares a row with all training rows, because ONNX has no search tree.
func (m *knn) onnx(g *onnx.Graph) string {
	distances, rows := g.Name("nearest"), g.Name("rows")
	// Of equally near rows the one with the lower index comes first. ONNX guarantees it, and score does the same.
	g.NodeTo([]string{distances, rows}, "TopK", []string{m.onnxDistances(g), g.Ints("k", m.K)},
		onnx.Int("axis", 1), onnx.Int("largest", 0), onnx.Int("sorted", 1))

	classes := make([]int, g.Classes)
	for k := range classes {
		classes[k] = k
	}
	class := g.Node("Gather", []string{g.Ints("class", m.Classes...), rows})
	class = g.Node("Unsqueeze", []string{class, g.Ints("axis", 2)}) // [N, k, 1]
	same := g.Node("Equal", []string{class, g.Ints("classes", classes...)})
	votes := g.Node("Cast", []string{same}, onnx.Int("to", int(onnx.Double))) // [N, k, classes]
	if m.Weights == "uniform" {
		sum := g.Node("ReduceSum", []string{votes, g.Ints("axis", 1)}, onnx.Int("keepdims", 0))
		return g.Node("Div", []string{sum, g.Doubles("all", []float64{float64(m.K)})})
	}
	weights := onnxNearness(g, distances)
	all := g.Node("ReduceSum", []string{weights, g.Ints("axis", 1)}, onnx.Int("keepdims", 1))
	votes = g.Node("Mul", []string{votes, g.Node("Unsqueeze", []string{weights, g.Ints("axis", 2)})})
	sum := g.Node("ReduceSum", []string{votes, g.Ints("axis", 1)}, onnx.Int("keepdims", 0))
	return g.Node("Div", []string{sum, all})
}

// onnxDistances adds the squared distances, [N, training rows], feature by feature. It uses the operations of
// squaredDistance in the same order, so equal distances stay equal and the neighbours are the same to the last bit. A
// ReduceSum over all features may add in any order, and its input would take as many times the memory as there are
// features.
func (m *knn) onnxDistances(g *onnx.Graph) string {
	columns := make([]string, g.Features)
	for f := range columns {
		columns[f] = g.Name("feature")
	}
	g.NodeTo(columns, "Split", []string{g.Standardised(m.Mean, m.Scale, maxMagnitude)},
		onnx.Int("axis", 1), onnx.Int("num_outputs", g.Features))
	points := make([][]float64, g.Features) // by feature
	z := make([]float64, g.Features)
	for r := range m.Classes {
		m.standardise(z, m.Rows[r*g.Features:(r+1)*g.Features])
		for f, v := range z {
			points[f] = append(points[f], v)
		}
	}
	sum := ""
	for f, column := range columns {
		d := g.Node("Sub", []string{column, g.Doubles("points", points[f], len(points[f]))})
		square := g.Node("Mul", []string{d, d})
		if f == 0 {
			sum = square
		} else {
			sum = g.Node("Add", []string{sum, square})
		}
	}
	return sum
}

// onnxNearness adds the weights of the neighbours at these squared distances, nearest first: 1/distance. If the nearest
// is at distance 0, the weight is 1 for all neighbours at distance 0, and 0 for the others.
func onnxNearness(g *onnx.Graph, distances string) string {
	zero := g.Doubles("zero", []float64{0})
	inverse := g.Node("Reciprocal", []string{g.Node("Sqrt", []string{distances})})
	here := g.Node("Cast", []string{g.Node("Equal", []string{distances, zero})}, onnx.Int("to", int(onnx.Double)))
	nearest := g.Node("Gather", []string{distances, g.Ints("first", 0)}, onnx.Int("axis", 1))
	return g.Node("Where", []string{g.Node("Equal", []string{nearest, zero}), here, inverse})
}
