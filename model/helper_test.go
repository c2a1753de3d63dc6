package model

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
)

// load reads one of the data sets that are kept with their folds: iris, wine, breast_cancer.
func load(t testing.TB, name string) *dataset.Table {
	t.Helper()
	csv := map[string]func() []byte{"iris": datasettest.Iris, "wine": datasettest.Wine, "breast_cancer": datasettest.BreastCancer}[name]()
	table, _, err := dataset.Read(bytes.NewReader(csv), dataset.ScanOptions{})
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return table
}

// folds returns, for each of the five folds of a data set, the rows to train on and the rows to test on.
func folds(name string) (train, test [5][]int) {
	for row, fold := range datasettest.Folds(name) {
		for k := range train {
			if k == fold {
				test[k] = append(test[k], row)
			} else {
				train[k] = append(train[k], row)
			}
		}
	}
	return train, test
}

// table makes a table of one or more features and the classes a, b, c, …, as many as y names.
func table(y []int, rows ...[]float64) *dataset.Table {
	t := &dataset.Table{Schema: dataset.Schema{Label: "class"}, Y: y}
	for f := range rows[0] {
		t.Schema.Features = append(t.Schema.Features, fmt.Sprintf("f%d", f))
	}
	classes := 2
	for i, row := range rows {
		t.X = append(t.X, row...)
		classes = max(classes, y[i]+1)
	}
	for k := range classes {
		t.Schema.Classes = append(t.Schema.Classes, string(rune('a'+k)))
	}
	return t
}

// noise makes a table whose class k shifts every feature of index k modulo classes by signal standard deviations.
func noise(rows, features, classes int, signal float64) *dataset.Table {
	random := rand.New(rand.NewPCG(1, 2))
	x, y := make([][]float64, rows), make([]int, rows)
	for r := range x {
		y[r] = r % classes
		x[r] = make([]float64, features)
		for f := range x[r] {
			x[r][f] = random.NormFloat64()
			if f%classes == y[r] {
				x[r][f] += signal
			}
		}
	}
	return table(y, x...)
}

// train trains a model that must succeed.
func train(t testing.TB, table *dataset.Table, s Spec) *Model {
	t.Helper()
	m, err := Train(t.Context(), table, s, nil)
	if err != nil {
		t.Fatalf("train %s %s: %v", s.Algorithm, s.Hyperparameters, err)
	}
	return m
}

// encode encodes a model that must succeed.
func encode(t testing.TB, m *Model) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return b
}
