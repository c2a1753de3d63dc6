package ngram_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"iris/internal/ngram"
)

func hash(text string) []float64 {
	x := make([]float64, ngram.Size)
	ngram.Hash([]byte(text), x)
	return x
}

// digest identifies values to the bit.
func digest(x []float64) string {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// The values never change: stored models depend on them.
func TestHash_isAContract(t *testing.T) {
	for text, want := range map[string]string{
		"a":                              "1f280b14b9e036b5",
		"The delivery was late, again!":  "0dfbd4a43f032724",
		"Größe 42 paßt nicht":            "984d53720ab3f98b",
		"非常好吃，下次再来":                      "f260d3df134d59ef",
		strings.Repeat("very good ", 50): "97c70279b65198ef",
	} {
		if got := digest(hash(text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]float64{
		"": 8437669077406501, "a": 4596324399134681, "The delivery was late, again!": 1488517759725077,
	} {
		if got := ngram.ID([]byte(text)); got != want {
			t.Errorf("the ID of %q: %.0f, want %.0f", text, got, want)
		}
	}
}

func TestHash_equalTexts(t *testing.T) {
	for _, c := range [][2]string{
		{"Good FOOD", "good food"},
		{"good, food!", "  good\tfood"},
		{"ΣΟΦΟΣ", "σοφος"},
		{"σοφος", "σοφος"[:len("σοφο")] + "ς"},
		{"good\xfffood", "good food"},
		{"good \xed\xa0\x80 food", "good food"},
		{"", "!?! ... \x00"},
	} {
		if !slices.Equal(hash(c[0]), hash(c[1])) {
			t.Errorf("%q and %q differ", c[0], c[1])
		}
	}
	for _, c := range [][2]string{{"good food", "goodfood"}, {"abc", "abcabc"}, {"é", "e"}, {"a", "b"}, {"नि", "न"}} {
		if slices.Equal(hash(c[0]), hash(c[1])) {
			t.Errorf("%q and %q do not differ", c[0], c[1])
		}
	}
}

func TestHash_values(t *testing.T) {
	values := func(text string) (used int, norm float64) {
		for _, v := range hash(text) {
			norm += v * v
			if v != 0 {
				used++
			}
		}
		return used, norm
	}
	if used, norm := values("..."); used != 0 || norm != 0 {
		t.Errorf("no words: %d values, norm %v; want none", used, norm)
	}
	if used, norm := values("ab"); used != 1 || norm != 1 {
		t.Errorf("a word without a run: %d values, norm %v; want 1 and 1", used, norm)
	}
	// abcde: the word, three runs of 3, two of 4, one of 5.
	if used, norm := values("abcde"); used != 7 || math.Abs(norm-1) > 1e-12 {
		t.Errorf("abcde: %d values, norm %v; want 7 and 1", used, norm)
	}
}

// Signs and places of many words are spread evenly.
func TestHash_spreads(t *testing.T) {
	var count [ngram.Size]int
	negative := 0
	const words = 256 * 100
	for i := range words {
		x := hash(string(rune(0x4e00+i%20000)) + string(rune('a'+i/20000))) // too short for a run
		at := slices.IndexFunc(x, func(v float64) bool { return v != 0 })
		count[at]++
		if x[at] < 0 {
			negative++
		}
	}
	if low, high := slices.Min(count[:]), slices.Max(count[:]); low < 60 || high > 140 {
		t.Errorf("%d to %d words per value, want about 100", low, high)
	}
	if negative < words*48/100 || negative > words*52/100 {
		t.Errorf("%d of %d are negative, want about half", negative, words)
	}
}

func TestHash_doesNotAllocate(t *testing.T) {
	text, x := []byte("The delivery was late, Größe 42 – again!"), make([]float64, ngram.Size)
	if n := testing.AllocsPerRun(100, func() {
		ngram.Hash(text, x)
		x[0] = ngram.ID(text)
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzHash(f *testing.F) {
	for _, text := range []string{"", "Good FOOD", "Größe 42", "非常好吃", "\xff\xfe", "e\u0301", "\u0130I\u0131", "\ufffd"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, norm := hash(text), 0.0
		for i, v := range x {
			if !(v >= -1 && v <= 1) || math.Signbit(v) && v == 0 {
				t.Errorf("value %d is %v", i, v)
			}
			norm += v * v
		}
		if norm != 0 && math.Abs(norm-1) > 1e-9 {
			t.Errorf("the norm is %v, want 0 or 1", norm)
		}
		if !slices.Equal(x, hash("  "+text+"!\xff")) {
			t.Error("what is around the words counts")
		}
		if !utf8.ValidString(text) && !slices.Equal(x, hash(strings.ToValidUTF8(text, "\ufffd"))) {
			t.Error("bad bytes are not separators")
		}
		if id := ngram.ID([]byte(text)); id != math.Trunc(id) || id < 0 || id >= 1<<53 {
			t.Errorf("the ID is %v", id)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	text := []byte(strings.Repeat("The delivery was late again. ", 7))
	x := make([]float64, ngram.Size)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		ngram.Hash(text, x)
	}
}
