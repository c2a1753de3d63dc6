package model

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// MarshalJSON implements json.Marshaler: one string per tree, base64 of its nodes in preorder, as a forest of a hundred
// deep trees has millions of nodes. A split is its feature plus 1 as an unsigned varint, its threshold as a
// little-endian float64, then the left and the right subtree; a leaf is a 0 and its number as an unsigned varint.
func (t *ensemble) MarshalJSON() ([]byte, error) {
	encoded := make([][]byte, len(t.roots))
	var stack []int32
	for i, root := range t.roots {
		var b []byte
		for stack = append(stack[:0], root); len(stack) > 0; {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			n := t.nodes[at]
			if l := t.leaf[at]; l >= 0 {
				b = binary.AppendUvarint(append(b, 0), uint64(l))
				continue
			}
			b = binary.AppendUvarint(b, uint64(n.feature)+1)
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(n.threshold))
			stack = append(stack, n.left+1, n.left)
		}
		encoded[i] = b
	}
	return json.Marshal(encoded)
}

// UnmarshalJSON implements json.Unmarshaler. It accepts whole trees only; check then looks at what is in their nodes.
func (t *ensemble) UnmarshalJSON(raw []byte) error {
	var encoded [][]byte
	if err := json.Unmarshal(raw, &encoded); err != nil {
		return err
	}
	*t = ensemble{}
	for i, b := range encoded {
		g, err := decodeTree(b)
		if err == nil {
			err = t.append(g, func(l int32) int32 { return l })
		}
		if err != nil {
			return fmt.Errorf("tree %d: %w", i, err)
		}
	}
	return nil
}

// decodeTree reads one tree. Every node takes two bytes or more, so what it allocates is bounded by what it is given.
func decodeTree(b []byte) (*grown, error) {
	g := new(grown)
	for stack := []int32{g.add()}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		feature, b2, err := int32Of(b)
		if err != nil {
			return nil, err
		}
		b = b2
		if feature == 0 {
			if g.leaf[at], b, err = int32Of(b); err != nil {
				return nil, err
			}
			continue
		}
		if len(b) < 8 {
			return nil, errors.New("cut short")
		}
		if len(g.nodes) > maxNodes {
			return nil, fmt.Errorf("more than %d nodes", maxNodes)
		}
		left := g.split(at, int(feature-1), math.Float64frombits(binary.LittleEndian.Uint64(b)))
		b = b[8:]
		stack = append(stack, left+1, left)
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes behind the last node", len(b))
	}
	return g, nil
}

// int32Of reads an unsigned varint that an int32 can hold and returns what follows it.
func int32Of(b []byte) (int32, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > math.MaxInt32 {
		return 0, nil, errors.New("cut short, or a number too large")
	}
	return int32(v), b[n:], nil
}
