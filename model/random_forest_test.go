package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"iris/model/internal/tree"
)

func TestRandomForest_outOfBag(t *testing.T) {
	wine := load(t, "wine")
	m, all := trainReported(t, wine, Spec{Algorithm: RandomForest})
	score, ok := m.OutOfBag()
	if !ok || score.Rows != 178 || score.Accuracy < .96 || score.Accuracy == 1 || score.LogLoss > .2 {
		t.Errorf("out-of-bag score %+v, %v, want all rows, about .98 and .13", score, ok)
	}
	if len(all) != 100 || all[0].Iteration != 1 || all[99] != (Progress{100, 100, score.LogLoss}) {
		t.Errorf("%d reports, the last %v, want one per tree and the score in the last", len(all), all[len(all)-1])
	}
	if _, ok := train(t, wine, Spec{}).OutOfBag(); ok {
		t.Error("a logistic regression has an out-of-bag score")
	}
	again, err := Decode(encode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if decoded, ok := again.OutOfBag(); !ok || decoded != score {
		t.Errorf("decoded %v, want %v", decoded, score)
	}
}

// TestRandomForest_seed checks that the trees depend on the seed and not on the number of processors.
func TestRandomForest_seed(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	data := noise(6000, 9, 3, .7)
	forest := func(seed uint64) []byte {
		spec := Spec{Algorithm: RandomForest, Hyperparameters: json.RawMessage(`{"n_trees":9}`), Seed: seed}
		return encode(t, train(t, data, spec))
	}
	first := forest(1)
	if bytes.Equal(forest(2), first) {
		t.Error("another seed gives the same forest")
	}
	for _, procs := range []int{1, 2, 3} {
		runtime.GOMAXPROCS(procs)
		if !bytes.Equal(forest(1), first) {
			t.Errorf("with GOMAXPROCS %d the forest differs", procs)
		}
	}
}

func TestRandomForest_manyClasses(t *testing.T) {
	for _, algorithm := range []Algorithm{RandomForest, GBDT} {
		const classes = 100
		data := noise(2*classes, 3, 2, 0)
		data.Schema.Classes = nil
		for k := range classes {
			data.Schema.Classes = append(data.Schema.Classes, string([]byte{'a' + byte(k/10), 'a' + byte(k%10)}))
		}
		for r := range data.Y {
			data.Y[r] = r / 2
			data.X[3*r] = float64(data.Y[r])
		}
		h := map[Algorithm]string{GBDT: `{"min_rows_leaf":1,"n_rounds":5}`}[algorithm]
		m := train(t, data, Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(h)})
		metrics, err := Evaluate(m, data)
		if err != nil || metrics.Accuracy < .5 {
			t.Errorf("%s: accuracy %v, %v on two rows of each class, want most right", algorithm, metrics.Accuracy, err)
		}
	}
}

// TestClassWeight checks that a balanced model finds more of a rare class.
func TestClassWeight(t *testing.T) {
	data := rare(4000)
	for _, algorithm := range []Algorithm{RandomForest, GBDT} {
		recall := func(weight string) float64 {
			h := `{"max_depth":3,"class_weight":"` + weight + `"}`
			metrics, err := Evaluate(train(t, data, Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(h)}), data)
			if err != nil {
				t.Fatal(err)
			}
			return metrics.Classes[1].Recall
		}
		if none, balanced := recall("none"), recall("balanced"); balanced < none+.2 || balanced < .7 {
			t.Errorf("%s: recall of the rare class %v, balanced %v, want far more", algorithm, none, balanced)
		}
	}
}

func TestClassWeights(t *testing.T) {
	data := table([]int{0, 0, 0, 2}, []float64{1}, []float64{1}, []float64{1}, []float64{1})
	if got := classWeights(data, true); !slices.Equal(got, []float64{4. / 6, 1, 2}) {
		t.Errorf("balanced %v, want 2/3, 1, 2", got)
	}
	if got := classWeights(data, false); !slices.Equal(got, []float64{1, 1, 1}) {
		t.Errorf("none: %v, want ones", got)
	}
}

func TestTrees_cancelDuringFit(t *testing.T) {
	data := noise(20_000, 5, 3, 0)
	for _, algorithm := range []Algorithm{RandomForest, GBDT} {
		ctx, cancel := context.WithCancel(t.Context())
		reports := 0
		_, err := Train(ctx, data, Spec{Algorithm: algorithm}, func(Progress) {
			if reports++; reports == 2 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || reports > 10 {
			t.Errorf("%s: got %v after %d reports, want context.Canceled soon after the second", algorithm, err, reports)
		}
	}
	clear(data.X) // the race detector reports it if a goroutine still reads the table
	clear(data.Y)
}

func TestRandomForestPrepare(t *testing.T) {
	good := func() *randomForest {
		return &randomForest{
			Trees: *twoTrees(t), Leaves: slices.Repeat([][]int{{1, 2}}, 21), ClassWeights: []float64{1, 2},
			OutOfBag: &OutOfBag{Rows: 5, Accuracy: .8, LogLoss: .1},
		}
	}
	checkPrepare(t, good, 2, 2, []badScorer[*randomForest]{
		{"nothing", func(f *randomForest) { *f = randomForest{} }, "0 class weights"},
		{"weight 0", func(f *randomForest) { f.ClassWeights[1] = 0 }, "class 1: weight 0"},
		{"weight NaN", func(f *randomForest) { f.ClassWeights[1] = math.NaN() }, "class 1: weight NaN"},
		{"a leaf missing", func(f *randomForest) { f.Leaves = f.Leaves[:20] }, "leaf 20 of 20"},
		{"no trees", func(f *randomForest) { f.Trees = tree.Ensemble{} }, "no trees"},
		{"count missing", func(f *randomForest) { f.Leaves[3] = []int{1} }, "leaf 3: 1 counts"},
		{"count below 0", func(f *randomForest) { f.Leaves[3] = []int{-1, 2} }, "leaf 3: -1 rows"},
		{"empty leaf", func(f *randomForest) { f.Leaves[3] = []int{0, 0} }, "leaf 3: no rows"},
		{"score NaN", func(f *randomForest) { f.OutOfBag.Accuracy = math.NaN() }, "out-of-bag"},
		{"score of nothing", func(f *randomForest) { f.OutOfBag.Rows = 0 }, "out-of-bag"},
	})
}
