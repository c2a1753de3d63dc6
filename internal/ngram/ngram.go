// Package ngram turns text into a fixed number of values by feature hashing (Weinberger et al., "Feature hashing for
// large scale multitask learning", ICML 2009): each word, and each run of three to five characters within a word, adds
// 1 or -1 to one of Size values. It needs no vocabulary.
//
// The values are a contract: models that were trained on them are stored. Equal texts have equal values, to the bit, on
// every machine.
package ngram

import (
	"math"
	"unicode"
	"unicode/utf8"
)

// Size is the number of values of a text.
const Size = 256

// Lengths of the runs of characters.
const (
	shortest = 3
	longest  = 5
)

// The constants of FNV-1a with 64 bits.
const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// Hash sets x, which has Size elements, to the values of a text: sums of 1 and -1, divided by their Euclidean norm. If
// the text has no word, all values are 0. Hash allocates nothing, and its time grows with the length of the text alone.
//
// A word is a maximal run of letters, their marks and digits. Case does not count: each character is replaced by the
// lower case of its upper case, one to one. Bytes that are not UTF-8 separate words, as punctuation does.
func Hash(text []byte, x []float64) {
	x = x[:Size]
	clear(x)
	var runs [longest]uint64 // of those that begin at the latest character of the word, at the one before it and so on
	length := 0              // of the word
	word := uint64(fnvOffset)
	for len(text) > 0 {
		r, size := rune(text[0]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text)
		}
		text = text[size:]
		if r = fold(r); r < 0 {
			if length > 0 {
				add(x, word)
				length, word = 0, fnvOffset
			}
			continue
		}
		length++
		word = step(word, r)
		copy(runs[1:], runs[:])
		runs[0] = step(fnvOffset, 0) // so that a word and a run with the same characters differ
		for n := range min(length, longest) {
			runs[n] = step(runs[n], r)
			if n+1 >= shortest {
				add(x, runs[n])
			}
		}
	}
	if length > 0 {
		add(x, word)
	}
	normalise(x)
}

// fold returns the form of a character of a word that stands for all its cases, and -1 for any other character.
func fold(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return r
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r < utf8.RuneSelf:
		return -1
	case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsDigit(r):
		return unicode.ToLower(unicode.ToUpper(r))
	}
	return -1
}

// step adds a character to a hash, as FNV-1a adds a byte.
func step(h uint64, r rune) uint64 { return (h ^ uint64(r)) * fnvPrime }

// add counts what has a hash: the lowest bits say where, and the next one the sign.
func add(x []float64, hash uint64) {
	hash = finish(hash)
	if hash&Size != 0 {
		x[hash%Size]--
	} else {
		x[hash%Size]++
	}
}

// finish spreads the bits of a hash, whose own lowest bits depend on few bits of the text. It is that of MurmurHash3.
func finish(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// normalise divides x by its norm. The squares are whole numbers, so their sum is exact in any order.
func normalise(x []float64) {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	if sum == 0 {
		return
	}
	norm := math.Sqrt(sum)
	for i, v := range x {
		if v != 0 {
			x[i] = v / norm
		}
	}
}

// ID returns a whole number that identifies a text. Two texts have the same one as seldom as random numbers of 53 bits.
func ID(text []byte) float64 {
	h := uint64(fnvOffset)
	for _, c := range text {
		h = (h ^ uint64(c)) * fnvPrime
	}
	const bits = 53 // of a whole number that a float64 holds
	return float64(finish(h) >> (64 - bits))
}
