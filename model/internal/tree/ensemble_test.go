package tree

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// twoTrees returns a stump on feature 1 and a tree of one leaf.
func twoTrees(t *testing.T) *Ensemble {
	t.Helper()
	stump, leaf := new(Tree), new(Tree)
	left := stump.Split(stump.Add(), 1, 2.5)
	stump.Leaf[left], stump.Leaf[left+1] = 0, 1
	leaf.Leaf[leaf.Add()] = 2
	e := new(Ensemble)
	for _, g := range []*Tree{stump, leaf} {
		if err := e.Append(g, func(l int32) int32 { return 10 * l }); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestEnsemble(t *testing.T) {
	e := twoTrees(t)
	for x, want := range map[float64]int32{2.4: 0, 2.5: 10, math.MaxFloat64: 10, math.Inf(-1): 0, math.Inf(1): 10} {
		if got := e.walk([]float64{9, x}, 0); got != [lanes]int32{want, 20, 20, 20} {
			t.Errorf("%v: leaves %v, want %d and 20", x, got, want)
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var again Ensemble
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(again) != fmt.Sprint(*e) {
		t.Errorf("decoded %+v, want %+v", again, *e)
	}
}

func TestEnsembleVisit(t *testing.T) {
	var got []string
	twoTrees(t).Visit(func(tree, node int, s Split, left, right int) {
		got = append(got, fmt.Sprintf("%d.%d: x%d<%v to %d, %d", tree, node, s.Feature, s.Threshold, left, right))
	}, func(tree, node, number int) {
		got = append(got, fmt.Sprintf("%d.%d: leaf %d", tree, node, number))
	})
	if want := []string{"0.0: x1<2.5 to 1, 2", "0.1: leaf 0", "0.2: leaf 10", "1.0: leaf 20"}; !slices.Equal(got, want) {
		t.Errorf("visited %q, want %q", got, want)
	}
}

func TestEnsembleTruncate(t *testing.T) {
	for trees, want := range map[int]struct {
		leaves       int32
		trees, nodes int
	}{1: {11, 1, 3}, 2: {21, 2, 4}, 3: {21, 2, 4}} {
		e := twoTrees(t)
		if leaves := e.Truncate(trees); leaves != want.leaves || e.Len() != want.trees || e.Nodes() != want.nodes {
			t.Errorf("at most %d trees: %d leaves, %d trees, %d nodes, want %+v", trees, leaves, e.Len(), e.Nodes(), want)
		}
	}
}

// TestEnsembleFind_wideIsWalk checks that all ways to find leaves agree.
func TestEnsembleFind_wideIsWalk(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for _, trees := range []int{1, wideLanes - 1, wideLanes, wideLanes + 1, 3*wideLanes + 2} {
		var all []*Tree
		for range trees {
			all = append(all, bush(random, 1+random.IntN(200), 12))
		}
		e := forestOf(t, 12, nil, all...)
		e.masks = nil
		x := make([]float64, 12)
		for range 200 {
			for f := range x {
				x[f] = float64(random.IntN(9) - 1)
			}
			var near, far []int32
			var s Search
			for len(near) < trees {
				near = append(near, e.Find(x, len(near), &s)...)
			}
			for len(far) < trees {
				far = append(far, s.leaves[:e.walkWide(x, len(far), s.leaves[:])]...)
			}
			if !slices.Equal(near, far) {
				t.Fatalf("%v: leaves %v, and %v by walkWide", x, near, far)
			}
		}
	}
}

// TestEnsembleFind_largeForest checks a forest that is large enough for walkWide.
func TestEnsembleFind_largeForest(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	all := make([]*Tree, 2*wideLanes+1)
	for i := range all {
		all[i] = bush(random, 2200, 12)
	}
	e := forestOf(t, 12, nil, all...)
	if len(e.nodes) <= wideNodes {
		t.Fatalf("%d nodes are not a large forest", len(e.nodes))
	}
	x := make([]float64, 12)
	for f := range x {
		x[f] = float64(random.IntN(6))
	}
	var s Search
	for first := 0; first < len(all); {
		leaves := e.Find(x, first, &s)
		for i, leaf := range leaves {
			if want := all[first+i].Find(x) + int32(100*(first+i)); leaf != want {
				t.Errorf("tree %d: leaf %d, want %d", first+i, leaf, want)
			}
		}
		first += len(leaves)
	}
}

func TestEnsembleUnmarshal_error(t *testing.T) {
	tests := []struct {
		name  string
		trees any
		want  string
	}{
		{"not a list", 5, "cannot unmarshal"},
		{"an empty tree", [][]byte{{}}, "tree 0: cut short"},
		{"a leaf without number", [][]byte{{0, 0}, {0}}, "tree 1: cut short"},
		{"a leaf too high", [][]byte{{0, 0xff, 0xff, 0xff, 0xff, 0x0f}}, "too large"},
		{"a split without threshold", [][]byte{{1, 0, 0}}, "cut short"},
		{"a split without children", [][]byte{{1, 0, 0, 0, 0, 0, 0, 0, 0}}, "cut short"},
		{"an empty subset", [][]byte{append(binary.AppendUvarint(nil, subsetMark+1), 0, 0, 0, 0, 1)}, "an empty subset"},
		{"a split without subset", [][]byte{binary.AppendUvarint(nil, subsetMark+1)}, "cut short"},
		{"a feature too high", [][]byte{binary.AppendUvarint(nil, subsetMark+math.MaxInt32+1)}, "too large"},
		{"a byte too many", [][]byte{{0, 0, 0}}, "1 bytes after"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := json.Marshal(test.trees)
			if err != nil {
				t.Fatal(err)
			}
			if err := new(Ensemble).UnmarshalJSON(b); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestEnsembleCheck(t *testing.T) {
	if err := twoTrees(t).Check(2, nil, 21); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	tests := []struct {
		name             string
		features, leaves int
		change           func(*Ensemble)
		want             string
	}{
		{"no trees", 2, 21, func(e *Ensemble) { *e = Ensemble{} }, "no trees"},
		{"feature too high", 1, 21, func(*Ensemble) {}, "feature 1 of 1"},
		{"leaf too high", 2, 20, func(*Ensemble) {}, "leaf 20 of 20"},
		{"threshold NaN", 2, 21, func(e *Ensemble) { e.nodes[0].Threshold = math.NaN() }, "threshold NaN"},
		{"threshold infinite", 2, 21, func(e *Ensemble) { e.nodes[0].Threshold = math.Inf(1) }, "threshold +Inf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := twoTrees(t)
			test.change(e)
			if err := e.Check(test.features, nil, test.leaves); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
