//go:build bench

// Package bench measures Iris beside other programs and writes the figures to docs/benchmarks.md. It compares the
// learners of package model with scikit-learn and LightGBM, the API with other model servers, and batches with
// scikit-learn and onnxruntime, and models of public tables with those of other libraries. Within a run the sides take
// turns. The package tests nothing: its functions need the tag bench, which only `make bench-models`, `make
// bench-tables`, `make bench-serving` and `make bench-batch` set.
package bench

import (
	"os"
	"runtime"
	"testing"

	"iris/internal/stack"
	"iris/internal/testenv"
)

const threads = 2 // on each side

// TestBenchModels takes a few minutes and needs the machine to itself.
func TestBenchModels(t *testing.T) {
	runtime.GOMAXPROCS(threads)
	paths := testenv.Programs(t, stack.Bench)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../internal/dataset/testdata")); err != nil {
		t.Fatal(err)
	}
	peers := startPeers(t, paths.Bench, dir)
	var sets []measured
	for _, name := range []string{"iris", "wine", "breast_cancer", "synth100k"} {
		sets = append(sets, measure(t, dir, load(t, dir, name), peers))
	}
	writeSection(t, "bench-models", modelsPage(machine(t, peers.versions), sets))
}
