package model

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/model/internal/tree"
)

var table, noise = datasettest.Table, datasettest.Noise

// load reads one of the data sets that are kept with their folds: iris, wine, breast_cancer.
func load(t testing.TB, name string) *dataset.Table {
	t.Helper()
	csv := map[string]func() []byte{
		"iris": datasettest.Iris, "wine": datasettest.Wine, "breast_cancer": datasettest.BreastCancer,
	}[name]()
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

// train trains a model. The training must succeed.
func train(t testing.TB, table *dataset.Table, s Spec) *Model {
	t.Helper()
	m, err := Train(t.Context(), table, s, nil)
	if err != nil {
		t.Fatalf("train %s %s: %v", s.Algorithm, s.Hyperparameters, err)
	}
	return m
}

// trainReported trains a model and returns its progress reports as well.
func trainReported(t testing.TB, table *dataset.Table, s Spec) (*Model, []Progress) {
	t.Helper()
	var reports []Progress
	m, err := Train(t.Context(), table, s, func(p Progress) { reports = append(reports, p) })
	if err != nil {
		t.Fatalf("train %s %s: %v", s.Algorithm, s.Hyperparameters, err)
	}
	return m, reports
}

// encode encodes a model.
func encode(t testing.TB, m *Model) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return b
}

// checkProbabilities checks that each of p is from 0 to 1 and that their sum is 1.
func checkProbabilities(t *testing.T, p []float64) {
	t.Helper()
	sum := 0.0
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			t.Fatalf("probabilities %v, want each from 0 to 1", p)
		}
		sum += v
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Fatalf("probabilities %v add up to %v, want 1", p, sum)
	}
}

// checkExtremeRows checks the probabilities of rows with very large and very small values. m is a model of iris.
func checkExtremeRows(t *testing.T, m *Model) {
	t.Helper()
	p := make([]float64, 3)
	values := []float64{
		0, 1, -1, 1e10, -1e10, 1e200, -1e200, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64,
	}
	for _, a := range values {
		for _, b := range values {
			m.Predict([]float64{a, b, a, b}, p)
			checkProbabilities(t, p)
			m.Predict([]float64{a, a, b, b}, p)
			checkProbabilities(t, p)
		}
	}
}

// checkOneReport checks the progress of a learner without iterations: one report, with the log loss on the rows of
// measured.
func checkOneReport(t *testing.T, m *Model, measured *dataset.Table, reports []Progress) {
	t.Helper()
	metrics, err := Evaluate(m, measured)
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != 1 || reports[0].Iteration != 1 || reports[0].Total != 1 ||
		math.Abs(reports[0].Loss-metrics.LogLoss) > 1e-12 {
		t.Errorf("reports %v, want one, with the log loss on the training rows, %v", reports, metrics.LogLoss)
	}
}

// badScorer is a change to a good scorer, and part of the error that prepare then returns.
type badScorer[S scorer] struct {
	name   string
	change func(S)
	want   string
}

// checkPrepare checks that prepare accepts what good returns and refuses it after each of the changes.
func checkPrepare[S scorer](t *testing.T, good func() S, features, classes int, tests []badScorer[S]) {
	t.Helper()
	if err := good().prepare(features, classes); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	checkRefused(t, good, features, classes, tests)
}

// checkRefused checks that prepare refuses what good returns after each of the changes.
func checkRefused[S scorer](t *testing.T, good func() S, features, classes int, tests []badScorer[S]) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := good()
			test.change(s)
			if err := s.prepare(features, classes); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// countdown is a context that ends after left calls of Err, so that a test can cancel a fit in the middle of a pass.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// twoTrees returns a stump on feature 1 at 2.5, with the leaves 0 and 10, and a tree of the leaf 20.
func twoTrees(t *testing.T) *tree.Ensemble {
	t.Helper()
	stump, leaf := new(tree.Tree), new(tree.Tree)
	left := stump.Split(stump.Add(), 1, 2.5)
	stump.Leaf[left], stump.Leaf[left+1] = 0, 10
	leaf.Leaf[leaf.Add()] = 20
	e := new(tree.Ensemble)
	appendTrees(t, e, stump, leaf)
	return e
}

// appendTrees appends trees to e.
func appendTrees(t *testing.T, e *tree.Ensemble, trees ...*tree.Tree) {
	t.Helper()
	for _, g := range trees {
		if err := e.Append(g, func(l int32) int32 { return l }); err != nil {
			t.Fatal(err)
		}
	}
}
