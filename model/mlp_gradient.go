package model

import (
	"context"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"iris/internal/dataset"
)

// mlpTask is what all parts of a batch share: the network, the rows, and how they go in. Only its weights change.
type mlpTask struct {
	ctx        context.Context // ends a pass over the rows
	table      *dataset.Table
	weights    []float64 // of a row, by class
	mean       []float64
	scale      []float64
	activation string
	dropout    float64
	layers     []mlpLayer
}

// mlpPart computes the gradient of the log loss, summed over some rows, by backpropagation (Rumelhart, Hinton and
// Williams, "Learning representations by back-propagating errors", 1986). Parts run beside each other.
type mlpPart struct {
	task     *mlpTask
	theta    []float64   // the gradient, in the order of the network's weights
	gradient []mlpLayer  // the same, layer by layer
	values   [][]float64 // of the inputs, then of each layer's units
	deltas   [][]float64 // the gradient by each layer's sums
	masks    [][]float64 // per hidden unit: 0 without it, else what makes up for those that are missing
	random   *rand.PCG   // draws the masks
	loss     float64     // sum over the rows
}

// newMLPPart makes a part for a network of so many units per layer, the features first.
func newMLPPart(task *mlpTask, sizes []int) *mlpPart {
	theta, gradient := newLayers(sizes)
	p := &mlpPart{task: task, theta: theta, gradient: gradient, random: new(rand.PCG)}
	for i, n := range sizes {
		p.values = append(p.values, make([]float64, n))
		if i > 0 {
			p.deltas = append(p.deltas, make([]float64, n))
		}
		if i > 0 && i < len(sizes)-1 {
			p.masks = append(p.masks, make([]float64, n))
		}
	}
	for _, mask := range p.masks {
		for i := range mask {
			mask[i] = 1
		}
	}
	return p
}

// newLayers makes layers of zeros whose numbers are all in one slice.
func newLayers(sizes []int) (theta []float64, layers []mlpLayer) {
	n := 0
	for i, units := range sizes[1:] {
		n += (sizes[i] + 1) * units
	}
	theta = make([]float64, n)
	rest := theta
	for i, units := range sizes[1:] {
		weights := sizes[i] * units
		layers = append(
			layers,
			mlpLayer{Weights: rest[:weights:weights], Biases: rest[weights : weights+units : weights+units]},
		)
		rest = rest[weights+units:]
	}
	return theta, layers
}

// run computes loss and gradient over rows. When the context ends it stops half-way, and both are void.
func (p *mlpPart) run(rows []int) {
	clear(p.theta)
	p.loss = 0
	for _, r := range rows {
		if p.task.ctx.Err() != nil {
			return
		}
		p.forward(p.task.table.Row(r), p.task.dropout)
		p.backward(p.task.table.Y[r])
	}
}

// forward sets values to those for the row x; the last are the logits.
func (p *mlpPart) forward(x []float64, dropout float64) {
	standardiseRow(p.values[0], x, p.task.mean, p.task.scale, maxWeight)
	for i, layer := range p.task.layers {
		out := p.values[i+1]
		layer.forward(p.values[i], out)
		if i == len(p.masks) {
			return
		}
		activate(p.task.activation, out)
		if dropout > 0 {
			p.drop(out, p.masks[i], dropout)
		}
	}
}

// drop draws a mask and lays it over the values of a layer.
func (p *mlpPart) drop(values, mask []float64, share float64) {
	for i := range mask {
		mask[i] = 0
		if float64(p.random.Uint64()>>11)/(1<<53) >= share {
			mask[i] = 1 / (1 - share)
		}
		values[i] *= mask[i]
	}
}

// backward adds the loss and the gradient of the row whose values are there, and whose class is y.
func (p *mlpPart) backward(y int) {
	last := len(p.deltas) - 1
	delta := p.deltas[last]
	copy(delta, p.values[last+1])
	weight := p.task.weights[y]
	p.loss += weight * (softmax(delta) - p.values[last+1][y])
	delta[y]--
	blas64.Scal(weight, vector(delta))
	for i := last; ; i-- {
		delta, in := p.deltas[i], p.values[i]
		blas64.Ger(1, vector(in), vector(delta), p.gradient[i].matrix())
		blas64.Axpy(1, vector(delta), vector(p.gradient[i].Biases))
		if i == 0 {
			return
		}
		before := p.deltas[i-1]
		blas64.Gemv(blas.NoTrans, 1, p.task.layers[i].matrix(), vector(delta), 0, vector(before))
		differentiate(p.task.activation, before, in, p.masks[i-1])
	}
}

// differentiate turns the gradient by the values of hidden units, in place, into that by their sums.
func differentiate(activation string, delta, values, mask []float64) {
	for i, v := range values {
		switch {
		case mask[i] == 0 || activation == "relu" && v == 0:
			delta[i] = 0
		case activation == "relu":
			delta[i] *= mask[i]
		default:
			v /= mask[i]
			delta[i] *= mask[i] * (1 - v*v)
		}
	}
}
