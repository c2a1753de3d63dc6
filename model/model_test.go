package model

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestPredict(t *testing.T) {
	for _, algorithm := range Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			iris := load(t, "iris")
			m := train(t, iris, Spec{Algorithm: algorithm})
			p := make([]float64, 3)
			right := 0
			for r, y := range iris.Y {
				got := m.Predict(iris.Row(r), p)
				checkProbabilities(t, p)
				if p[got] != slices.Max(p) {
					t.Fatalf("row %d: class %d of %v, want the most probable", r, got, p)
				}
				if got == y {
					right++
				}
			}
			if right < 140 {
				t.Errorf("%d of the 150 training rows right, want at least 140", right)
			}
		})
	}
}

func TestPredict_lowestOfEquals(t *testing.T) {
	m := &Model{scorer: &decisionTree{Leaves: [][]int{{1, 3, 3}}}}
	m.schema.Features, m.schema.Classes = []string{"x"}, []string{"a", "b", "c"}
	if err := m.scorer.prepare(1, 3); err != nil {
		t.Fatal(err)
	}
	if got := m.Predict([]float64{0}, make([]float64, 3)); got != 1 {
		t.Errorf("class %d, want 1, the lower of the two most probable", got)
	}
}

func TestPredict_allocatesNothing(t *testing.T) {
	for _, algorithm := range Algorithms() {
		wine := load(t, "wine")
		m := train(t, wine, Spec{Algorithm: algorithm})
		x, p := wine.Row(0), make([]float64, 3)
		if n := testing.AllocsPerRun(100, func() { m.Predict(x, p) }); n != 0 {
			t.Errorf("%s: %v allocations per prediction, want 0", algorithm, n)
		}
	}
}

func TestPredict_fromManyGoroutines(t *testing.T) {
	for _, algorithm := range Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			wine := load(t, "wine")
			m := train(t, wine, Spec{Algorithm: algorithm})
			want := make([]int, wine.Rows())
			for r := range want {
				want[r] = m.Predict(wine.Row(r), make([]float64, 3))
			}
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					p := make([]float64, 3)
					for r := range want {
						if got := m.Predict(wine.Row(r), p); got != want[r] {
							t.Errorf("row %d: class %d, want %d as from one goroutine", r, got, want[r])
						}
					}
				})
			}
			group.Wait()
		})
	}
}

func TestPredict_wrongLengthPanics(t *testing.T) {
	m := train(t, load(t, "iris"), Spec{})
	tests := []struct {
		name          string
		values, space int
	}{
		{"too few values", 3, 3}, {"too many values", 5, 3}, {"too little room", 4, 2}, {"too much room", 4, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				message, _ := recover().(string)
				if !strings.Contains(message, "want 4 and 3") {
					t.Errorf("panicked with %q, want the right lengths in it", message)
				}
			}()
			m.Predict(make([]float64, test.values), make([]float64, test.space))
		})
	}
}

func TestModelSchemaAndSpec(t *testing.T) {
	iris := load(t, "iris")
	m := train(t, iris, Spec{Seed: 3})
	if s := m.Schema(); !s.SameFeatures(iris.Schema) || !s.SameClasses(iris.Schema) || s.Label != iris.Schema.Label {
		t.Errorf("schema %v, want the table's %v", s, iris.Schema)
	}
	if s := m.Spec(); s.Algorithm != LogisticRegression || s.Seed != 3 ||
		!strings.Contains(string(s.Hyperparameters), `"l2":1`) {
		t.Errorf("spec %v, want it resolved", s)
	}
}
