package onnx

import (
	"bytes"
	"testing"
)

func TestGraph_failKeepsTheFirstReason(t *testing.T) {
	g := NewGraph(1, 2)
	trees := new(Trees)
	trees.Leaf(0, 0, MaxLeaf+1)
	g.Leaves(trees)
	g.Fail("a second reason")
	if b, err := g.Encode("name", nil); b != nil || err == nil || err.Error() != "leaf 16777217, want at most 16777216" {
		t.Errorf("got %d bytes, %v; want the first reason", len(b), err)
	}
}

// TestGraph_requiresWhatItUses checks that a graph names ai.onnx.ml only if it has trees. package model reads whole
// files.
func TestGraph_requiresWhatItUses(t *testing.T) {
	for _, withTrees := range []bool{false, true} {
		g := NewGraph(1, 2)
		if withTrees {
			trees := new(Trees)
			trees.Leaf(0, 0, 0)
			g.Leaves(trees)
		}
		b, err := g.Encode("name", nil)
		if err != nil || bytes.Contains(b, []byte(mlDomain)) != withTrees {
			t.Errorf("with trees %v: %q, %v; want ai.onnx.ml only with trees", withTrees, b, err)
		}
	}
}

func TestNewMixedGraph_names(t *testing.T) {
	for _, names := range [][]string{{"x", "x"}, {""}, {"\xff"}} {
		if b, err := NewMixedGraph(2, names...).Encode("name", nil); err == nil {
			t.Errorf("%q: %d bytes, want an error", names, len(b))
		}
	}
	g := NewMixedGraph(2, "sub_1", "label")
	if got := g.Name("sub"); got != "sub_2" {
		t.Errorf("name %s, want one that no input has", got)
	}
}
