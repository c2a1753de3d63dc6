//go:build bench

// Package bench measures the learners of package model beside scikit-learn's and LightGBM's, in one run in which the two
// sides take turns, and writes what it measured into docs/benchmarks.md. It is no test of anything: its one function runs
// under the tag bench, which only `make bench-models` sets.
package bench

import (
	"os"
	"runtime"
	"testing"

	"iris/internal/stack"
	"iris/internal/testenv"
)

const (
	threads = 2 // on either side
	page    = "../docs/benchmarks.md"
)

// TestBenchModels takes a few minutes and wants the machine for itself.
func TestBenchModels(t *testing.T) {
	runtime.GOMAXPROCS(threads)
	paths, err := testenv.Install(t.Context(), os.Stderr, stack.Bench)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../internal/dataset/testdata")); err != nil {
		t.Fatal(err)
	}
	peers := startPeers(t, paths.Bench, dir)
	var sets []measured
	for _, name := range []string{"iris", "wine", "breast_cancer", "synth100k"} {
		sets = append(sets, measure(t, load(t, dir, name), peers))
	}
	writePage(t, page, machine(t, peers.versions), sets)
}
