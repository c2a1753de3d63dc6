//go:build bench

// Package bench measures Iris beside others, each in one run in which the sides take turns, and writes what it measured
// into docs/benchmarks.md: the learners of package model beside scikit-learn's and LightGBM's, the API beside other
// servers of models, batches beside scikit-learn and onnxruntime. It tests nothing: its functions run under the tag
// bench, which only
// `make bench-models`, `make bench-serving` and `make bench-batch` set.
package bench

import (
	"os"
	"runtime"
	"testing"

	"iris/internal/stack"
	"iris/internal/testenv"
)

const threads = 2 // on either side

// TestBenchModels takes a few minutes and wants the machine for itself.
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
