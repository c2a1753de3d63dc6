package model

import (
	"context"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"iris/internal/dataset"
)

// mlpTask is the data that all parts of a batch share: the network, the rows, and their standardisation. Only the
// weights of the network change.
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

// mlpPart computes the sum of the gradients of the log loss over some rows by backpropagation (Rumelhart, Hinton and
// Williams, "Learning representations by back-propagating errors", Nature 323, 1986). Parts run concurrently.
type mlpPart struct {
	task     *mlpTask
	theta    []float64   // the gradient, in the order of the weights of the network
	gradient []mlpLayer  // theta, layer by layer
	values   [][]float64 // of the inputs, then of the units of each layer
	deltas   [][]float64 // the gradient by the sums of each layer
	masks    [][]float64 // per hidden unit: 0 if it is dropped, and otherwise the factor that makes up for dropped units
	random   *rand.PCG   // draws the masks
	loss     float64     // sum over the rows
}

// newMLPPart returns a part for a network of the given layer sizes, beginning with the number of features.
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

// newLayers returns layers of zeros that share the slice theta.
func newLayers(sizes []int) (theta []float64, layers []mlpLayer) {
	n := 0
	for i, units := range sizes[1:] {
		n += (sizes[i] + 1) * units
	}
	theta = make([]float64, n)
	rest := theta
	for i, units := range sizes[1:] {
		weights := sizes[i] * units
		end := weights + units
		layers = append(layers, mlpLayer{Weights: rest[:weights:weights], Biases: rest[weights:end:end]})
		rest = rest[end:]
	}
	return theta, layers
}

// run computes the loss and the gradient over rows. If the context ends, it stops early, and both are invalid.
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

// forward sets values to those of the row x. The last ones are the logits.
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

// drop draws a mask and multiplies the values of a layer by it.
func (p *mlpPart) drop(values, mask []float64, share float64) {
	for i := range mask {
		mask[i] = 0
		if float64(p.random.Uint64()>>11)/(1<<53) >= share {
			mask[i] = 1 / (1 - share)
		}
		values[i] *= mask[i]
	}
}

// backward adds the loss and the gradient of the row in values, whose class is y.
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

// differentiate turns the gradient by the values of hidden units into the gradient by their sums, in place.
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
