package tree

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// MarshalJSON implements json.Marshaler. It writes one string per tree, the base64 form of its nodes in preorder,
// because a forest of a hundred deep trees has millions of nodes. A split is its feature plus 1 as an unsigned varint,
// its threshold as a little-endian float64, its left subtree and its right subtree. A leaf is a 0 and its number, both
// as unsigned varints. In a split of a categorical feature, subsetMark is added to the first varint, and the subset
// that goes right replaces the threshold, as an unsigned varint.
func (e *Ensemble) MarshalJSON() ([]byte, error) {
	encoded := make([][]byte, len(e.roots))
	e.Visit(func(tree, _ int, s Split, _, _ int) {
		if s.Right != 0 {
			b := binary.AppendUvarint(encoded[tree], subsetMark+uint64(s.Feature)+1)
			encoded[tree] = binary.AppendUvarint(b, uint64(s.Right))
			return
		}
		b := binary.AppendUvarint(encoded[tree], uint64(s.Feature)+1)
		encoded[tree] = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.Threshold))
	}, func(tree, _, number int) {
		encoded[tree] = binary.AppendUvarint(append(encoded[tree], 0), uint64(number))
	})
	return json.Marshal(encoded)
}

// subsetMark is above all features. A program that does not know subsets refuses it as too large.
const subsetMark = 1 << 31

// UnmarshalJSON implements json.Unmarshaler. It accepts complete trees only. Check validates the content of the nodes.
func (e *Ensemble) UnmarshalJSON(raw []byte) error {
	var encoded [][]byte
	if err := json.Unmarshal(raw, &encoded); err != nil {
		return err
	}
	*e = Ensemble{}
	for i, b := range encoded {
		t, err := decodeTree(b)
		if err == nil {
			err = e.Append(t, func(l int32) int32 { return l })
		}
		if err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
	}
	return nil
}

// decodeTree reads one tree. A node takes at least two bytes of input, so the length of b bounds the memory that
// decodeTree allocates.
func decodeTree(b []byte) (*Tree, error) {
	t := new(Tree)
	for stack := []int32{t.Add()}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		kind, rest, err := consume(b, subsetMark+math.MaxInt32)
		if err != nil {
			return nil, err
		}
		if len(t.Nodes) > maxNodes {
			return nil, fmt.Errorf("more than %d nodes", maxNodes)
		}
		var left int32
		switch {
		case kind == 0:
			number, after, err := consume(rest, math.MaxInt32)
			if err != nil {
				return nil, err
			}
			t.Leaf[at], b = int32(number), after
			continue
		case kind > subsetMark:
			right, after, err := consume(rest, math.MaxUint64)
			if err != nil {
				return nil, err
			}
			if right == 0 {
				return nil, errors.New("an empty subset")
			}
			left, b = t.SplitSubset(at, int(kind-subsetMark-1), Subset(right)), after
		case len(rest) < 8:
			return nil, errors.New("cut short")
		default:
			left, b = t.Split(at, int(kind-1), math.Float64frombits(binary.LittleEndian.Uint64(rest))), rest[8:]
		}
		stack = append(stack, left+1, left)
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes after the last node", len(b))
	}
	return t, nil
}

// consume reads an unsigned varint of at most limit, and returns the bytes that follow it.
func consume(b []byte, limit uint64) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > limit {
		return 0, nil, errors.New("cut short, or a number too large")
	}
	return v, b[n:], nil
}
