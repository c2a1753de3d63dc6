package model

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestKNN_byHand(t *testing.T) {
	data := table([]int{0, 0, 1, 1, 1}, []float64{0}, []float64{2}, []float64{4}, []float64{6}, []float64{6})
	tests := []struct {
		name, hyperparameters string
		x                     float64
		want                  []float64
	}{
		{"one", `{"k":1}`, 1.5, []float64{1, 0}},
		{"three", `{"k":3}`, 4.5, []float64{0, 1}},
		{"three others", `{"k":3}`, 2.1, []float64{2. / 3, 1. / 3}},
		{"of two equally near the lower row", `{"k":1}`, 3, []float64{1, 0}},
		{"all", `{"k":5}`, 100, []float64{.4, .6}},
		{"more than there are", `{"k":256}`, -100, []float64{.4, .6}},
		{"by distance", `{"k":2,"weights":"distance"}`, 2.5, []float64{.75, .25}},
		{"by distance, on a row", `{"k":3,"weights":"distance"}`, 2, []float64{1, 0}},
		{"by distance, on two rows", `{"k":4,"weights":"distance"}`, 6, []float64{0, 1}},
	}
	for _, test := range tests {
		for _, scaling := range []string{"none", "standard"} {
			t.Run(test.name+" "+scaling, func(t *testing.T) {
				h := strings.Replace(test.hyperparameters, "{", `{"scaling":"`+scaling+`",`, 1)
				m := train(t, data, Spec{Algorithm: KNN, Hyperparameters: json.RawMessage(h)})
				p := make([]float64, 2)
				m.Predict([]float64{test.x}, p)
				for k := range p {
					if math.Abs(p[k]-test.want[k]) > 1e-12 {
						t.Fatalf("probabilities %v, want %v", p, test.want)
					}
				}
			})
		}
	}
}

func TestKNN_scaling(t *testing.T) {
	data := table([]int{0, 0, 1}, []float64{0, 0}, []float64{0, 3000}, []float64{1, 1000}) // metres and millimetres
	for scaling, want := range map[string]int{"standard": 0, "none": 1} {
		m := train(t, data, Spec{Algorithm: KNN, Hyperparameters: json.RawMessage(`{"k":1,"scaling":"` + scaling + `"}`)})
		if got := m.Predict([]float64{0, 1200}, make([]float64, 2)); got != want {
			t.Errorf("scaling %s: class %d, want %d", scaling, got, want)
		}
	}
}

// TestKNNTree_exact compares the tree with a plain search by the same distance. Some of the data has many equal points
// and equal distances, and some has none.
func TestKNNTree_exact(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	draws := map[string]func() float64{
		"on a grid": func() float64 { return float64(random.IntN(4)) },
		"normal":    random.NormFloat64,
		"all equal": func() float64 { return .1 },
		"large":     func() float64 { return (random.Float64() - .5) * 2 * maxMagnitude },
	}
	for name, draw := range draws {
		for _, features := range []int{1, 2, 4, 5, 9, treeFeatures + 2} {
			t.Run(name, func(t *testing.T) {
				const rows = 1500
				points := make([]float64, rows*features)
				for i := range points {
					points[i] = draw()
				}
				tree := newKNNTree(slices.Clone(points), features)
				if features <= treeFeatures && len(tree.nodes) < rows/leafRows {
					t.Errorf("%d nodes, want the rows divided among more", len(tree.nodes))
				}
				z := make([]float64, features)
				for range 50 {
					for f := range z {
						z[f] = draw()
					}
					k := 1 + random.IntN(40)
					var found neighbours
					found.reset(k)
					tree.search(z, &found)
					if want := plainSearch(points, z, k); !slices.Equal(found.list(), want) {
						t.Fatalf("%d features, k %d: found %v, want %v", features, k, found.list(), want)
					}
				}
			})
		}
	}
}

// plainSearch sorts all rows by distance.
func plainSearch(points, z []float64, k int) []neighbour {
	var all []neighbour
	for row := range len(points) / len(z) {
		n := neighbour{row: row}
		for f, v := range z {
			d := v - points[row*len(z)+f]
			n.distance += float64(d * d)
		}
		all = append(all, n)
	}
	slices.SortStableFunc(all, func(a, b neighbour) int {
		switch {
		case a.distance < b.distance:
			return -1
		case a.distance > b.distance:
			return 1
		}
		return 0
	})
	return all[:k]
}

func TestKNN_extremeRows(t *testing.T) {
	for _, h := range []string{`{"scaling":"none","weights":"distance"}`, `{"weights":"distance"}`, `{}`} {
		m := train(t, load(t, "iris"), Spec{Algorithm: KNN, Hyperparameters: json.RawMessage(h)})
		checkExtremeRows(t, m)
	}
}

func TestKNN_progress(t *testing.T) {
	for _, rows := range []int{10, 120} {
		data := noise(rows, 4, 2, 2)
		m, reports := trainReported(t, data, Spec{Algorithm: KNN})
		var spaced []int
		for r := 0; r < rows; r += max(rows/knnLossRows, 1) {
			spaced = append(spaced, r)
		}
		checkOneReport(t, m, data.Subset(spaced), reports)
	}
}

func TestKNN_cancelDuringFit(t *testing.T) {
	_, err := Train(&countdown{t.Context(), 1}, load(t, "iris"), Spec{Algorithm: KNN}, nil) // one call by Train
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestKNN_keepsRowsAsGiven checks that the artifact has the numbers of the table, which are short for measured data.
func TestKNN_keepsRowsAsGiven(t *testing.T) {
	iris := load(t, "iris")
	m := train(t, iris, Spec{Algorithm: KNN}).scorer.(*knn)
	if !reflect.DeepEqual(m.Rows, iris.X) || !reflect.DeepEqual(m.Classes, iris.Y) {
		t.Error("the rows differ from those of the table")
	}
	if n := len(encode(t, train(t, iris, Spec{Algorithm: KNN}))); n > 4000 {
		t.Errorf("the artifact has %d bytes, want at most 4000 for 150 rows of 4 short numbers", n)
	}
}

func TestKNNPrepare(t *testing.T) {
	good := func() *knn {
		return &knn{
			K:       2,
			Weights: "uniform",
			Mean:    []float64{0, 1},
			Scale:   []float64{1, 2},
			Rows:    []float64{1, 2, 3, 4},
			Classes: []int{0, 1},
		}
	}
	checkPrepare(t, good, 2, 2, []badScorer[*knn]{
		{"nothing", func(m *knn) { *m = knn{} }, "0 means"},
		{"a mean missing", func(m *knn) { m.Mean = m.Mean[1:] }, "1 means"},
		{"a scale too many", func(m *knn) { m.Scale = append(m.Scale, 1) }, "3 scales"},
		{"a value missing", func(m *knn) { m.Rows = m.Rows[1:] }, "3 values in 2 rows"},
		{"no rows", func(m *knn) { m.Rows, m.Classes = nil, nil }, "k 2 for 0 rows"},
		{"k 0", func(m *knn) { m.K = 0 }, "k 0"},
		{"k above the rows", func(m *knn) { m.K = 3 }, "k 3 for 2 rows"},
		{"unknown weights", func(m *knn) { m.Weights = "" }, "weights"},
		{"mean NaN", func(m *knn) { m.Mean[0] = math.NaN() }, "feature 0"},
		{"scale 0", func(m *knn) { m.Scale[1] = 0 }, "feature 1"},
		{"scale infinite", func(m *knn) { m.Scale[1] = math.Inf(1) }, "feature 1"},
		{"value too large", func(m *knn) { m.Rows[3] = 2e150 }, "row 1: value 2e+150"},
		{"value NaN", func(m *knn) { m.Rows[0] = math.NaN() }, "row 0: value NaN"},
		{"class too high", func(m *knn) { m.Classes[1] = 2 }, "row 1: class 2 of 2"},
		{"class below 0", func(m *knn) { m.Classes[0] = -1 }, "row 0: class -1"},
	})
}
