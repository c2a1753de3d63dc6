// Package tally counts the cells of a table while they pass by: the numbers and the texts of a column, and the rows
// that are equal. Its memory is bounded whatever passes. It does not know what a cell means.
package tally

import "math/bits"

// Hash returns the hash of a text. It is the same in every process, so that two readings of one file count alike.
func Hash(text string) uint64 {
	h := uint64(len(text))
	for len(text) >= 8 {
		word := uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
			uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
		h = Mix(h ^ word)
		text = text[8:]
	}
	tail := uint64(0)
	for i := range len(text) {
		tail = tail<<8 | uint64(text[i])
	}
	return Mix(h ^ tail)
}

// Odd is a factor that spreads the bits of a product.
const Odd = 0x9e3779b97f4a7c15

// Mix spreads the bits of x over all bits of the result, by the folded multiplication of wyhash. Two values may have
// the same result, which is as rare as for a random function.
func Mix(x uint64) uint64 {
	high, low := bits.Mul64(x^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return high ^ low
}
