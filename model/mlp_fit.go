package model

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas/blas64"

	"iris/internal/dataset"
)

// mlpHyperparameters holds the values of mlpParameters.
type mlpHyperparameters struct {
	HiddenLayers   []int   `json:"hidden_layers"`
	Activation     string  `json:"activation"`
	L2             float64 `json:"l2"`
	Dropout        float64 `json:"dropout"`
	BatchSize      int     `json:"batch_size"`
	Epochs         int     `json:"epochs"`
	LearningRate   float64 `json:"learning_rate"`
	EarlyStopping  string  `json:"early_stopping"`
	ValidationSize float64 `json:"validation_size"`
	Patience       int     `json:"patience"`
	Tolerance      float64 `json:"tolerance"`
}

// Each kind of random choice has its own stream of PCG, so that none depends on how often another one draws.
const (
	initialStream uint64 = iota
	validationStream
	orderStream
	dropoutStream // the first of one stream per part of a batch
)

const (
	// earlyStoppingRows is the minimum number of rows for a validation part with early_stopping auto. It is that of
	// histogram gradient boosting in scikit-learn. A tenth of fewer rows says too little.
	earlyStoppingRows = 10_000
	// A batch is divided into parts of at least partRows, which is enough work for a goroutine, and into at most maxParts,
	// because each part has its own gradient. The division does not depend on the processors, and neither do the sums.
	partRows = 32
	maxParts = 8
)

// mlpFit trains a network by Adam on batches.
type mlpFit struct {
	mlpHyperparameters
	task       *mlpTask
	seed       uint64
	theta      []float64 // the weights of the network
	adam       *adam
	parts      []*mlpPart
	train      []int // rows of the training part, in the order of the epoch
	validation []int // rows of the validation part
	order      *rand.Rand
	steps      uint64
}

// fitMLP trains until the loss stops falling, or for all epochs. It reports the mean loss over the steps of an epoch.
// The loss of a step is that before the step, with dropout, on rows of the training part.
func fitMLP(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h mlpHyperparameters
	if err := s.read(&h); err != nil {
		return nil, err
	}
	weights, err := s.weights(t, false)
	if err != nil {
		return nil, err
	}
	f := newMLPFit(ctx, t, h, s.Seed, weights)
	if err := f.run(report); err != nil {
		return nil, err
	}
	return &mlp{Activation: h.Activation, Mean: f.task.mean, Scale: f.task.scale, Layers: f.task.layers}, nil
}

func newMLPFit(ctx context.Context, t *dataset.Table, h mlpHyperparameters, seed uint64, weights []float64) *mlpFit {
	sizes := slices.Concat([]int{len(t.Schema.Features)}, h.HiddenLayers, []int{len(t.Schema.Classes)})
	theta, layers := newLayers(sizes)
	initialise(layers, h.Activation, rand.New(rand.NewPCG(seed, initialStream)))
	mean, scale := standardise(t)
	f := &mlpFit{
		mlpHyperparameters: h,
		seed:               seed,
		theta:              theta,
		task: &mlpTask{
			ctx:        ctx,
			table:      t,
			weights:    weights,
			mean:       mean,
			scale:      scale,
			activation: h.Activation,
			dropout:    h.Dropout,
			layers:     layers,
		},
		adam:  newAdam(len(theta), h.LearningRate),
		order: rand.New(rand.NewPCG(seed, orderStream)),
	}
	share := 0.0
	if h.EarlyStopping == "on" || h.EarlyStopping == "auto" && len(t.Y) >= earlyStoppingRows {
		share = h.ValidationSize
	}
	f.train, f.validation = divideRows(t, share, rand.New(rand.NewPCG(seed, validationStream)))
	f.BatchSize = min(f.BatchSize, len(f.train))
	for range min(maxParts, (f.BatchSize+partRows-1)/partRows) {
		f.parts = append(f.parts, newMLPPart(f.task, sizes))
	}
	return f
}

// initialise draws the weights. Biases stay 0. The variance of weights before a relu is 2/inputs (He et al., "Delving
// deep into rectifiers", ICCV 2015), and 2/(inputs+units) elsewhere (Glorot and Bengio, "Understanding the difficulty
// of training deep feedforward neural networks", AISTATS 2010).
func initialise(layers []mlpLayer, activation string, random *rand.Rand) {
	for i, l := range layers {
		inputs, units := len(l.Weights)/len(l.Biases), len(l.Biases)
		deviation := math.Sqrt(2 / float64(inputs+units))
		if activation == "relu" && i < len(layers)-1 {
			deviation = math.Sqrt(2 / float64(inputs))
		}
		for j := range l.Weights {
			l.Weights[j] = deviation * random.NormFloat64()
		}
	}
}

// divideRows draws a share of the rows of each class, rounded down, for validation.
func divideRows(t *dataset.Table, share float64, random *rand.Rand) (train, validation []int) {
	rows := make([]int, len(t.Schema.Classes))
	for _, y := range t.Y {
		rows[y]++
	}
	left := make([]int, len(rows))
	for k, n := range rows {
		left[k] = int(share * float64(n))
	}
	for _, r := range random.Perm(len(t.Y)) {
		if left[t.Y[r]] > 0 {
			left[t.Y[r]]--
			validation = append(validation, r)
		} else {
			train = append(train, r)
		}
	}
	return train, validation
}

// run trains epoch by epoch.
func (f *mlpFit) run(report func(Progress)) error {
	best, since := math.Inf(1), 0
	var bestTheta []float64
	for epoch := 1; epoch <= f.Epochs; epoch++ {
		loss := f.epoch()
		watched := loss
		if len(f.validation) > 0 {
			watched = f.validationLoss()
		}
		if err := f.task.ctx.Err(); err != nil {
			return err
		}
		report(Progress{Iteration: epoch, Total: f.Epochs, Loss: loss})
		since++
		if watched < best-f.Tolerance {
			since = 0
		}
		if watched < best {
			best = watched
			if len(f.validation) > 0 {
				bestTheta = append(bestTheta[:0], f.theta...)
			}
		}
		if since >= f.Patience {
			break
		}
	}
	if bestTheta != nil {
		copy(f.theta, bestTheta)
	}
	return nil
}

// epoch takes a step for each batch and returns the mean log loss.
func (f *mlpFit) epoch() float64 {
	f.order.Shuffle(len(f.train), func(i, j int) { f.train[i], f.train[j] = f.train[j], f.train[i] })
	loss := 0.0
	for batch := range slices.Chunk(f.train, f.BatchSize) {
		loss += f.step(batch)
		if f.task.ctx.Err() != nil {
			break
		}
	}
	return loss / float64(len(f.train))
}

// step moves the weights down the gradient over the rows of a batch and returns the sum of their losses.
func (f *mlpFit) step(batch []int) float64 {
	size := (len(batch) + len(f.parts) - 1) / len(f.parts)
	var group sync.WaitGroup
	used := 0
	for rows := range slices.Chunk(batch, size) {
		part := f.parts[used]
		part.random.Seed(f.seed, dropoutStream+f.steps)
		f.steps++
		used++
		if used*size >= len(batch) {
			part.run(rows)
		} else {
			group.Go(func() { part.run(rows) })
		}
	}
	group.Wait()
	sum := f.parts[0]
	for _, part := range f.parts[1:used] {
		blas64.Axpy(1, vector(part.theta), vector(sum.theta))
		sum.loss += part.loss
	}
	blas64.Scal(1/float64(len(batch)), vector(sum.theta))
	for i, l := range f.task.layers {
		blas64.Axpy(f.L2/float64(len(f.train)), vector(l.Weights), vector(sum.gradient[i].Weights))
	}
	f.adam.step(f.theta, sum.theta)
	return sum.loss
}

// validationLoss returns the mean log loss on the validation part, weighted by class.
func (f *mlpFit) validationLoss() float64 {
	part, sum, weight := f.parts[0], 0.0, 0.0
	for _, r := range f.validation {
		if f.task.ctx.Err() != nil {
			break
		}
		part.forward(f.task.table.Row(r), 0)
		logits := part.values[len(part.values)-1]
		y := f.task.table.Y[r]
		logit := logits[y]
		sum += f.task.weights[y] * (softmax(logits) - logit)
		weight += f.task.weights[y]
	}
	return sum / weight
}
