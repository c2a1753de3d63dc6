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
// as unsigned varints.
func (e *Ensemble) MarshalJSON() ([]byte, error) {
	encoded := make([][]byte, len(e.roots))
	e.Visit(func(tree, _, feature int, threshold float64, _, _ int) {
		b := binary.AppendUvarint(encoded[tree], uint64(feature)+1)
		encoded[tree] = binary.LittleEndian.AppendUint64(b, math.Float64bits(threshold))
	}, func(tree, _, number int) {
		encoded[tree] = binary.AppendUvarint(append(encoded[tree], 0), uint64(number))
	})
	return json.Marshal(encoded)
}

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
		feature, b2, err := consumeInt32(b)
		if err != nil {
			return nil, err
		}
		b = b2
		if feature == 0 {
			if t.Leaf[at], b, err = consumeInt32(b); err != nil {
				return nil, err
			}
			continue
		}
		if len(b) < 8 {
			return nil, errors.New("cut short")
		}
		if len(t.Nodes) > maxNodes {
			return nil, fmt.Errorf("more than %d nodes", maxNodes)
		}
		left := t.Split(at, int(feature-1), math.Float64frombits(binary.LittleEndian.Uint64(b)))
		b = b[8:]
		stack = append(stack, left+1, left)
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes after the last node", len(b))
	}
	return t, nil
}

// consumeInt32 reads an unsigned varint that fits into an int32, and returns the bytes that follow it.
func consumeInt32(b []byte) (int32, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > math.MaxInt32 {
		return 0, nil, errors.New("cut short, or a number too large")
	}
	return int32(v), b[n:], nil
}
