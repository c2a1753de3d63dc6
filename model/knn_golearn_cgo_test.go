//go:build cgo

package model

import (
	"strconv"
	"testing"

	"github.com/sjwhitworth/golearn/base"
	golearnknn "github.com/sjwhitworth/golearn/knn"

	"iris/internal/dataset"
)

// TestKNN_votesAsGolearn compares the predictions with those of golearn, which computes distances in C. It skips rows
// whose class depends on a tie, because golearn breaks ties at random.
func TestKNN_votesAsGolearn(t *testing.T) {
	const k = 5
	for _, data := range []string{"iris", "wine", "breast_cancer"} {
		t.Run(data, func(t *testing.T) {
			all := load(t, data)
			trainRows, testRows := folds(data)
			ties, compared := 0, 0
			for fold := range trainRows {
				some, rest := all.Subset(trainRows[fold]), all.Subset(testRows[fold])
				m := train(t, some, Spec{Algorithm: KNN})
				want := golearnPredict(t, some, rest, k)
				p := make([]float64, len(all.Schema.Classes))
				for r := range rest.Y {
					got := m.Predict(rest.Row(r), p)
					if dependsOnTie(m.scorer.(*knn), rest.Row(r), p, got) {
						ties++
						continue
					}
					compared++
					if got != want[r] {
						t.Errorf("fold %d, row %d: class %d, golearn predicts %d", fold, r, got, want[r])
					}
				}
			}
			if compared < all.Rows()*9/10 {
				t.Errorf("%d of %d rows depend on a tie, want nearly all compared", ties, all.Rows())
			}
		})
	}
}

// dependsOnTie reports whether two classes have equally many votes, or whether golearn, which computes in float32, may
// not see that the last neighbour is nearer than the next row.
func dependsOnTie(m *knn, x, p []float64, best int) bool {
	for k, share := range p {
		if k != best && share == p[best] {
			return true
		}
	}
	z := make([]float64, len(x))
	m.standardise(z, x)
	var found neighbours
	found.reset(m.K + 1)
	m.tree.search(z, &found)
	last, next := found.list()[m.K-1].distance, found.list()[m.K].distance
	return next-last <= 1e-6*next
}

// golearnPredict trains golearn on the rows of some and classifies the rows of rest. It standardises them as knn does.
func golearnPredict(t *testing.T, some, rest *dataset.Table, k int) []int {
	t.Helper()
	mean, scale := standardise(some)
	features := len(some.Schema.Features)
	attributes := make([]base.Attribute, features+1)
	for f := range features {
		attributes[f] = base.NewFloatAttribute(some.Schema.Features[f])
	}
	class := base.NewCategoricalAttribute()
	class.SetName(some.Schema.Label)
	for y := range some.Schema.Classes {
		class.GetSysValFromString(strconv.Itoa(y))
	}
	attributes[features] = class
	grid := func(of *dataset.Table) *base.DenseInstances {
		g, columns, err := newInstances(attributes, of.Rows())
		if err != nil {
			t.Fatal(err)
		}
		for r, y := range of.Y {
			for f, v := range of.Row(r) {
				g.Set(columns[f], r, base.PackFloatToBytes((v-mean[f])/scale[f]))
			}
			g.Set(columns[features], r, base.PackU64ToBytes(uint64(y)))
		}
		return g
	}
	theirs := golearnknn.NewKnnClassifier("euclidean", "linear", k)
	if err := theirs.Fit(grid(some)); err != nil {
		t.Fatal(err)
	}
	predicted, err := theirs.Predict(grid(rest))
	if err != nil {
		t.Fatal(err)
	}
	classes := make([]int, rest.Rows())
	for r := range classes {
		if classes[r], err = strconv.Atoi(base.GetClass(predicted, r)); err != nil {
			t.Fatal(err)
		}
	}
	return classes
}
