package model

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"iris/internal/dataset"
	"iris/model/internal/parallel"
	"iris/model/internal/tree"
)

// gbdtSettings holds the values of gbdtParameters.
type gbdtSettings struct {
	Rounds         int     `json:"n_rounds"`
	LearningRate   float64 `json:"learning_rate"`
	NumLeaves      int     `json:"num_leaves"`
	MaxDepth       int     `json:"max_depth"`
	MinRowsLeaf    int     `json:"min_rows_leaf"`
	MinChildWeight float64 `json:"min_child_weight"`
	L2             float64 `json:"l2"`
	RowShare       float64 `json:"row_share"`
	FeatureShare   float64 `json:"feature_share"`
	StoppingRounds int     `json:"early_stopping_rounds"`
	Validation     float64 `json:"validation_share"`
	ClassWeight    string  `json:"class_weight"`

	Monotone     directions `json:"monotone"`
	Interactions [][]string `json:"interactions"`
}

// minStoppingRows is the minimum number of rows for early stopping. With fewer, the validation part says too little,
// and the training part needs its rows.
const minStoppingRows = 2000

// fitGBDT boosts round by round. It reports the log loss on the training part.
func fitGBDT(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h gbdtSettings
	if err := s.read(&h); err != nil {
		return nil, err
	}
	if t.Rows() > tree.MaxBoostRows {
		return nil, fmt.Errorf("%w: %d rows, want at most %d", ErrUnlearnable, t.Rows(), tree.MaxBoostRows)
	}
	if err := h.checkMemory(t.Rows(), len(t.Schema.Classes)); err != nil {
		return nil, err
	}
	b, err := tree.NewBins(ctx, t)
	if err != nil {
		return nil, err
	}
	weights, err := s.weights(t, h.ClassWeight == "balanced")
	if err != nil {
		return nil, err
	}
	boost := newBooster(t, b, s.Seed, h, weights)
	best, bestLoss := 0, math.Inf(1)
	for round := 0; ; round++ {
		loss := boost.loss.evaluate(boost.training, true)
		report(Progress{Iteration: round, Total: h.Rounds, Loss: loss})
		if len(boost.validation) > 0 {
			if loss := boost.loss.evaluate(boost.validation, false); loss < bestLoss {
				best, bestLoss = round, loss
			} else if round-best >= h.StoppingRounds {
				break
			}
		}
		if round == h.Rounds {
			break
		}
		more, err := boost.round(ctx)
		if err == nil {
			err = boost.checkGrown()
		}
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if len(boost.validation) > 0 {
		boost.keep(best)
	}
	return boost.model, nil
}

// booster trains a gbdt.
type booster struct {
	gbdtSettings
	model      *gbdt
	loss       *boostLoss
	growers    []*tree.BoostGrower // one per tree that grows concurrently
	random     *rand.Rand
	features   int // number of features
	training   []uint32
	validation []uint32
	rows       []uint32 // of the round
	drawn      []bool   // per row of the table: whether it is in rows
}

func newBooster(t *dataset.Table, b *tree.Bins, seed uint64, h gbdtSettings, weights []float64) *booster {
	greatest := slices.Max(weights)
	for k := range weights {
		weights[k] /= greatest
	}
	o := &booster{
		gbdtSettings: h,
		loss:         newBoostLoss(t, weights),
		random:       rand.New(rand.NewPCG(seed, 0)),
		features:     b.Features(),
	}
	o.divide(t)
	for range min(runtime.GOMAXPROCS(0), o.loss.width) {
		g := tree.NewBoostGrower(b, h.NumLeaves)
		g.MaxDepth, g.MinRows = h.MaxDepth, h.MinRowsLeaf
		g.MinSecond, g.L2 = h.MinChildWeight, h.L2
		g.FirstUnit, g.SecondUnit = greatest/(1<<tree.FirstBits), greatest/o.loss.scale2
		g.Limits = h.limits(t.Schema.Features)
		o.growers = append(o.growers, g)
	}
	o.model = &gbdt{Base: o.loss.base(o.training), Codes: codes(t)}
	o.rows, o.drawn = make([]uint32, 0, len(o.training)), make([]bool, t.Rows())
	return o
}

// divide sets validation to a random share of the rows of each class, rounded down, and training to all other rows.
func (o *booster) divide(t *dataset.Table) {
	byClass := make([][]uint32, len(t.Schema.Classes))
	for r, y := range t.Y {
		byClass[y] = append(byClass[y], uint32(r))
	}
	for _, rows := range byClass {
		held := 0
		if o.StoppingRounds > 0 && t.Rows() >= minStoppingRows {
			o.random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			held = int(o.Validation * float64(len(rows)))
		}
		o.validation = append(o.validation, rows[:held]...)
		o.training = append(o.training, rows[held:]...)
	}
	slices.Sort(o.validation)
	slices.Sort(o.training)
}

// round grows a tree per score and adds its values to the scores. It reports whether a later round can grow a split: if
// no tree of this round has one, none of the next round will, unless its draw differs. The trees of a round are
// independent, so each grower grows one at the same time. Most leaves are too small to share the work within a tree.
func (o *booster) round(ctx context.Context) (bool, error) {
	o.draw()
	more := o.RowShare < 1 || o.FeatureShare < 1 // another draw may find a split
	for first := 0; first < o.loss.width; first += len(o.growers) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		growers := o.growers[:min(len(o.growers), o.loss.width-first)]
		trees, features := make([]*tree.Tree, len(growers)), make([][]int, len(growers))
		leaves := make([][]tree.BoostLeaf, len(growers))
		for i := range growers {
			features[i] = o.drawFeatures()
		}
		parallel.For(len(growers), func(i int) {
			trees[i], leaves[i] = growers[i].Grow(o.rows, o.loss.gradients[first+i], features[i])
		})
		for i := range growers {
			grew, err := o.add(first+i, trees[i], leaves[i])
			if err != nil {
				return false, err
			}
			more = more || grew
		}
	}
	return more, nil
}

// add appends a tree to the model and adds its values to score k. It reports whether the tree has a split.
func (o *booster) add(k int, grown *tree.Tree, leaves []tree.BoostLeaf) (bool, error) {
	first := int32(len(o.model.Values))
	for i := range leaves {
		if len(leaves) == 1 {
			leaves[i].Value = 0 // no split: the base score already includes the value
		}
		leaves[i].Value *= o.LearningRate
		o.model.Values = append(o.model.Values, leaves[i].Value)
	}
	if err := o.model.Trees.Append(grown, func(l int32) int32 { return first + l }); err != nil {
		return false, err
	}
	if len(leaves) > 1 {
		o.advance(k, grown, leaves)
	}
	return len(leaves) > 1, nil
}

// draw sets rows to a random row_share of the training rows.
func (o *booster) draw() {
	o.rows = append(o.rows[:0], o.training...)
	if o.RowShare == 1 {
		return
	}
	clear(o.drawn)
	need, n := max(1, int(o.RowShare*float64(len(o.training)))), 0
	for i, r := range o.training {
		if o.random.IntN(len(o.training)-i) < need-n {
			o.rows[n], o.drawn[r] = r, true
			n++
		}
	}
	o.rows = o.rows[:n]
}

// drawFeatures returns a random feature_share of the features, ascending.
func (o *booster) drawFeatures() []int {
	all := o.features
	need := max(1, int(o.FeatureShare*float64(all)))
	picked := make([]int, 0, need)
	for f := range all {
		if need == all || o.random.IntN(all-f) < need-len(picked) {
			picked = append(picked, f)
		}
	}
	return picked
}

// advance adds to score k of every row the value of its leaf. The leaves hold the rows that the tree grew on. For all
// other rows, advance walks down the tree.
func (o *booster) advance(k int, grown *tree.Tree, leaves []tree.BoostLeaf) {
	width := o.loss.width
	parallel.For(len(leaves), func(i int) {
		for _, r := range leaves[i].Rows {
			o.loss.scores[int(r)*width+k] += leaves[i].Value
		}
	})
	find := func(rows []uint32, drawn []bool) {
		parallel.For((len(rows)+boostChunk-1)/boostChunk, func(c int) {
			for _, r := range rows[c*boostChunk : min((c+1)*boostChunk, len(rows))] {
				if drawn == nil || !drawn[r] {
					o.loss.scores[int(r)*width+k] += leaves[grown.Find(o.loss.table.Row(int(r)))].Value
				}
			}
		})
	}
	find(o.validation, nil)
	if o.RowShare < 1 {
		find(o.training, o.drawn)
	}
}

// keep drops the trees of the rounds after best. If best is 0, no tree helped. keep then keeps one round, because a
// model must have trees.
func (o *booster) keep(best int) {
	leaves := o.model.Trees.Truncate(max(best, 1) * o.loss.width)
	o.model.Values = o.model.Values[:leaves]
}
