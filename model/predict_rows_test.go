package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// rowsTables are the tables for PredictRows: few and many features, two and more classes, trees with none and with many
// splits.
func rowsTables(t testing.TB) map[string]*dataset.Table {
	t.Helper()
	return map[string]*dataset.Table{
		"iris": load(t, "iris"), "wine": load(t, "wine"), "breast_cancer": load(t, "breast_cancer"),
		"one feature": noise(60, 1, 2, 1), "five classes": noise(400, 7, 5, .8), "more rows": noise(5100, 9, 3, .5),
	}
}

// scatter returns rows near those of a table. Some are far away, exactly on a value of the table, or not finite.
func scatter(t *dataset.Table, rows int) []float64 {
	random := rand.New(rand.NewPCG(3, uint64(rows)))
	features := len(t.Schema.Features)
	x := make([]float64, 0, rows*features)
	for range rows {
		row := t.Row(random.IntN(t.Rows()))
		for _, v := range row {
			switch random.IntN(40) {
			case 0:
				v = math.MaxFloat64
			case 1:
				v = -math.MaxFloat64
			case 2:
				v = math.Copysign(0, -1)
			case 3, 4, 5:
			default:
				v += random.NormFloat64() * (1 + math.Abs(v)) / 10
			}
			x = append(x, v)
		}
	}
	return x
}

func TestPredictRows_isPredict(t *testing.T) {
	for name, data := range rowsTables(t) {
		for _, algorithm := range Algorithms() {
			if algorithm == KNN && data.Rows() > 1000 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", algorithm, name), func(t *testing.T) {
				m := train(t, data, Spec{Algorithm: algorithm, Seed: 5})
				features, classes := len(data.Schema.Features), len(data.Schema.Classes)
				for _, rows := range []int{0, 1, 2, 7, 600} {
					x := scatter(data, rows)
					labels, got := make([]int, rows), make([]float64, rows*classes)
					m.PredictRows(x, labels, got)
					want := make([]float64, classes)
					for r := range rows {
						label := m.Predict(x[r*features:(r+1)*features], want)
						if labels[r] != label {
							t.Fatalf("row %d of %d: class %d, want %d from Predict", r, rows, labels[r], label)
						}
						for k, p := range want {
							if q := got[r*classes+k]; math.Float64bits(p) != math.Float64bits(q) {
								t.Fatalf("row %d of %d, class %d: %v, want %v from Predict", r, rows, k, q, p)
							}
						}
					}
				}
			})
		}
	}
}

// One row is enough. With the race detector, a sync.Pool drops an element now and then, which many rows would show.
func TestPredictRows_allocatesNothing(t *testing.T) {
	wine := load(t, "wine")
	x, labels, p := wine.Row(0), make([]int, 1), make([]float64, 3)
	for _, algorithm := range Algorithms() {
		m := train(t, wine, Spec{Algorithm: algorithm})
		if n := testing.AllocsPerRun(100, func() { m.PredictRows(x, labels, p) }); n != 0 {
			t.Errorf("%s: %v allocations per call, want 0", algorithm, n)
		}
	}
}

func TestPredictRows_wrongLengthPanics(t *testing.T) {
	m := train(t, load(t, "iris"), Spec{})
	tests := []struct {
		name                 string
		values, rows, places int
	}{
		{"too few values", 7, 2, 6},
		{"too many values", 9, 2, 6},
		{"too few labels", 8, 1, 6},
		{"too many labels", 8, 3, 6},
		{"too little room", 8, 2, 5},
		{"too much room", 8, 2, 7},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := fmt.Sprintf("want %d and %d", 4*test.rows, 3*test.rows)
			defer func() {
				message, _ := recover().(string)
				if !strings.Contains(message, want) {
					t.Errorf("panicked with %q, want %q in it", message, want)
				}
			}()
			m.PredictRows(make([]float64, test.values), make([]int, test.rows), make([]float64, test.places))
		})
	}
}

// BenchmarkPredictRows uses one core, as a worker does when it scores a shard.
func BenchmarkPredictRows(b *testing.B) {
	for _, algorithm := range Algorithms() {
		for _, data := range []string{"iris", "breast_cancer"} {
			b.Run(string(algorithm)+"/"+data, func(b *testing.B) { benchmarkRows(b, load(b, data), algorithm) })
		}
	}
	b.Run("random_forest/20000x20", func(b *testing.B) { benchmarkRows(b, noise(20_000, 20, 3, .5), RandomForest) })
	for _, algorithm := range []Algorithm{GBDT, RandomForest, LogisticRegression} {
		b.Run(string(algorithm)+"/census", func(b *testing.B) { benchmarkMixedRows(b, census(b, 32_561), algorithm) })
	}
}

// census returns a table with the shape of Adult.
func census(t testing.TB, rows int) *dataset.Table {
	t.Helper()
	table, _, err := dataset.Read(bytes.NewReader(datasettest.Census(rows)), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// benchmarkMixedRows scores the first 4096 rows per call.
func benchmarkMixedRows(b *testing.B, data *dataset.Table, algorithm Algorithm) {
	m := train(b, data, Spec{Algorithm: algorithm})
	const rows = 4096
	x := data.X[:rows*len(data.Schema.Features)]
	labels, p := make([]int, rows), make([]float64, rows*len(data.Schema.Classes))
	b.ReportAllocs()
	for b.Loop() {
		m.PredictRows(x, labels, p)
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}

// benchmarkRows scores 4096 rows near those of the data per call.
func benchmarkRows(b *testing.B, data *dataset.Table, algorithm Algorithm) {
	m := train(b, data, Spec{Algorithm: algorithm})
	random := rand.New(rand.NewPCG(7, 7))
	const rows = 4096
	x := make([]float64, 0, rows*len(data.Schema.Features))
	for range rows {
		for _, v := range data.Row(random.IntN(data.Rows())) {
			x = append(x, v+random.NormFloat64()*.05*math.Abs(v))
		}
	}
	labels, p := make([]int, rows), make([]float64, rows*len(data.Schema.Classes))
	b.ReportAllocs()
	for b.Loop() {
		m.PredictRows(x, labels, p)
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
