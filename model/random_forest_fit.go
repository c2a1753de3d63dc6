package model

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"iris/internal/dataset"
	"iris/model/internal/tree"
)

// forestTree is what a goroutine that grows trees hands over to the forest.
type forestTree struct {
	tree   *tree.Tree
	leaves [][]int // its distinct leaves: rows by class, in lowest terms
	unseen []int32 // per row of the out-of-bag sample: its leaf, or -1 if the tree grew on the row
	err    error
}

// fitRandomForest grows trees concurrently, each with its own random numbers, and collects them in order, so the result
// does not depend on the number of goroutines. It reports the out-of-bag log loss.
func fitRandomForest(ctx context.Context, t *dataset.Table, s Spec, report func(Progress)) (scorer, error) {
	var h struct {
		Trees       int    `json:"n_trees"`
		MaxDepth    int    `json:"max_depth"`
		MinRowsLeaf int    `json:"min_rows_leaf"`
		ClassWeight string `json:"class_weight"`
	}
	if err := s.read(&h); err != nil {
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
	f := &randomForest{ClassWeights: weights, Codes: codes(t)}
	bag := newOutOfBag(t)

	ctx, cancel := context.WithCancel(ctx) // an error ends the goroutines too
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

// add appends one of the trees of the forest. known maps the counts of the leaves so far to their numbers.
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
	if f.Trees.Len() == 0 { // trees are about equally large: make room for all of them now
		f.Trees.Reserve(len(g.tree.Nodes) * (trees + trees/32 + 1))
	}
	return f.Trees.Append(g.tree, func(l int32) int32 { return numbers[l] })
}

// countsKey appends counts to b as the key of a map.
func countsKey(b []byte, counts []int) []byte {
	for _, n := range counts {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// bootstrap draws rows with replacement and grows trees on them. It serves one goroutine.
type bootstrap struct {
	table  *dataset.Table
	copies []uint32 // per row: how often it was drawn
	items  []tree.Item
	sample []int // the out-of-bag sample
}

// grow draws as many rows as the table has, with the random numbers of the grower, and grows a tree.
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
	var numbers []int32 // per leaf of the tree: its index in found.leaves
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

// reduce divides counts by their greatest common divisor, so that leaves with the same shares become equal.
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
