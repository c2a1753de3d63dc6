package model

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"iris/internal/dataset"
	"iris/model/internal/tree"
)

// forestTree is a tree on its way from the goroutine that grew it to the forest.
type forestTree struct {
	tree   *tree.Tree
	leaves [][]int // counts by class of its leaves that differ, in lowest terms
	unseen []int32 // per row of the out-of-bag sample the leaf it falls into, -1 when the tree grew on it
	err    error
}

// fitRandomForest grows the trees side by side, each with random numbers of its own, and puts them together in order:
// the result doesn't depend on how many run at once. Progress is the out-of-bag log loss.
func fitRandomForest(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h struct {
		Trees       int    `json:"n_trees"`
		MaxDepth    int    `json:"max_depth"`
		MinRowsLeaf int    `json:"min_rows_leaf"`
		ClassWeight string `json:"class_weight"`
	}
	if err := json.Unmarshal(s.Hyperparameters, &h); err != nil {
		return nil, fmt.Errorf("read hyperparameters: %w", err)
	}
	b, err := tree.NewBins(ctx, t)
	if err != nil {
		return nil, err
	}
	weights, err := s.weights(t, h.ClassWeight == "balanced")
	if err != nil {
		return nil, err
	}
	f := &randomForest{ClassWeights: weights}
	bag := newOutOfBag(t)

	ctx, cancel := context.WithCancel(ctx) // an error here ends the helpers too
	results := make([]chan forestTree, h.Trees)
	for i := range results {
		results[i] = make(chan forestTree, 1)
	}
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), h.Trees) {
		group.Go(func() {
			g := tree.NewClassGrower(b, f.ClassWeights)
			g.MaxDepth, g.MinRows = h.MaxDepth, h.MinRowsLeaf
			g.Tries = max(1, int(math.Sqrt(float64(b.Features()))))
			boot := &bootstrap{table: t, copies: make([]uint32, t.Rows()), sample: bag.rows}
			for i := int(next.Add(1)) - 1; i < h.Trees; i = int(next.Add(1)) - 1 {
				g.Random = rand.New(rand.NewPCG(s.Seed, uint64(i)))
				results[i] <- boot.grow(ctx, g)
			}
		})
	}
	known := make(map[string]int32)
	for i := range results {
		grown := <-results[i]
		if grown.err != nil {
			return nil, grown.err
		}
		if err := f.add(grown, h.Trees, known); err != nil {
			return nil, err
		}
		bag.add(grown, f.ClassWeights)
		score := bag.score()
		report(Progress{Iteration: i + 1, Total: h.Trees, Loss: score.LogLoss})
		if i == h.Trees-1 && score.Rows > 0 {
			f.OutOfBag = &score
		}
	}
	return f, nil
}

// add appends one of so many trees. known has the leaves so far by their counts.
func (f *randomForest) add(g forestTree, trees int, known map[string]int32) error {
	numbers := make([]int32, len(g.leaves))
	for i, counts := range g.leaves {
		key := countsKey(nil, counts)
		n, ok := known[string(key)]
		if !ok {
			n = int32(len(f.Leaves))
			known[string(key)] = n
			f.Leaves = append(f.Leaves, counts)
		}
		numbers[i] = n
	}
	if f.Trees.Len() == 0 { // trees are about equally large: room for all, not again and again some more
		f.Trees.Reserve(len(g.tree.Nodes) * (trees + trees/32 + 1))
	}
	return f.Trees.Append(g.tree, func(l int32) int32 { return numbers[l] })
}

// countsKey appends counts in a form that a map can have as a key.
func countsKey(b []byte, counts []int) []byte {
	for _, n := range counts {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// bootstrap draws rows with replacement and grows trees on them. Its buffers are for one goroutine.
type bootstrap struct {
	table  *dataset.Table
	copies []uint32 // per row how often it was drawn
	items  []tree.Item
	sample []int // rows to send down the tree when they were not drawn
}

// grow draws as many rows as there are, in the order of the grower's random numbers, and grows a tree.
func (b *bootstrap) grow(ctx context.Context, g *tree.ClassGrower) forestTree {
	rows := b.table.Rows()
	clear(b.copies)
	for range rows {
		b.copies[g.Random.IntN(rows)]++
	}
	b.items = b.items[:0]
	for r, n := range b.copies {
		if n > 0 {
			b.items = append(b.items, tree.Item{Row: uint32(r), Class: uint32(b.table.Y[r]), Copies: n})
		}
	}
	var found forestTree
	var numbers []int32 // per leaf of the tree its place in found.leaves
	known := make(map[string]int32)
	lowest, key := make([]int, len(b.table.Schema.Classes)), []byte(nil)
	grown, err := g.Grow(ctx, b.items, func(counts []int) {
		copy(lowest, counts)
		reduce(lowest)
		key = countsKey(key[:0], lowest)
		n, ok := known[string(key)]
		if !ok {
			n = int32(len(found.leaves))
			known[string(key)] = n
			found.leaves = append(found.leaves, append([]int(nil), lowest...))
		}
		numbers = append(numbers, n)
	})
	if err != nil {
		return forestTree{err: err}
	}
	for i, l := range grown.Leaf {
		if l >= 0 {
			grown.Leaf[i] = numbers[l]
		}
	}
	found.tree = grown
	found.unseen = make([]int32, len(b.sample))
	for i, r := range b.sample {
		found.unseen[i] = -1
		if b.copies[r] == 0 {
			found.unseen[i] = grown.Find(b.table.Row(r))
		}
	}
	return found
}

// reduce divides counts by their greatest common divisor: leaves of the same shares become one.
func reduce(counts []int) {
	divisor := 0
	for _, n := range counts {
		for n != 0 {
			divisor, n = n, divisor%n
		}
	}
	for k := range counts {
		counts[k] /= divisor
	}
}
