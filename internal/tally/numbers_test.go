package tally_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"iris/internal/tally"
)

// numbersOf adds values.
func numbersOf(t testing.TB, values []float64) tally.Numbers {
	t.Helper()
	var n tally.Numbers
	for _, v := range values {
		n.Add(v)
	}
	return n
}

func TestNumbers_histogram(t *testing.T) {
	counts := func(n int, at map[int]int) []int {
		c := make([]int, n)
		for i, rows := range at {
			c[i] = rows
		}
		return c
	}
	for _, c := range []struct {
		name   string
		values []float64
		want   tally.Histogram
		std    float64
	}{
		{
			"whole numbers",
			[]float64{0, 1, 2, 31, 2, 0},
			tally.Histogram{Start: 0, Width: 1, Counts: counts(32, map[int]int{0: 2, 1: 1, 2: 2, 31: 1})},
			math.Sqrt(754.0 / 6),
		},
		{
			"one more merges the bins",
			[]float64{0, 1, 2, 32},
			tally.Histogram{Start: 0, Width: 2, Counts: counts(17, map[int]int{0: 2, 1: 1, 16: 1})},
			math.Sqrt(180.6875),
		},
		{
			"both sides of zero",
			[]float64{-1, 1, -1, 1},
			tally.Histogram{Start: -1, Width: 0.125, Counts: counts(17, map[int]int{0: 2, 16: 2})},
			1,
		},
		{"equal values", []float64{1.5, 1.5, 1.5, 1.5}, tally.Histogram{Start: 1.5, Width: 0x1p-52, Counts: []int{4}}, 0},
		{"zeros", []float64{0, 0, 0, 0}, tally.Histogram{Start: 0, Width: 0x1p-1022, Counts: []int{4}}, 0},
		{
			"an outlier",
			[]float64{1, 2, 1, 1e9},
			tally.Histogram{Start: 0, Width: 1 << 25, Counts: counts(30, map[int]int{0: 3, 29: 1})},
			433012700.93,
		},
		{
			"the whole range",
			[]float64{-math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64},
			tally.Histogram{Start: -math.MaxFloat64, Width: 0x1p1020, Counts: counts(32, map[int]int{0: 2, 31: 2})},
			math.MaxFloat64,
		},
		{
			"the smallest numbers",
			[]float64{-5e-324, 5e-324, 5e-324, 0},
			tally.Histogram{Start: -0x1p-1022, Width: 0x1p-1022, Counts: []int{1, 3}},
			0,
		},
		{
			"a small one below zero beside a large one",
			[]float64{-5e-324, 1, 0, 0},
			tally.Histogram{Start: -0.0625, Width: 0.0625, Counts: counts(18, map[int]int{0: 1, 1: 2, 17: 1})},
			math.Sqrt(3) / 4,
		},
		{
			"at the end of the exact indices",
			[]float64{2, 2 - 0x1p-52, 2, 2},
			tally.Histogram{Start: 2 - 0x1p-51, Width: 0x1p-51, Counts: []int{1, 3}},
			0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := numbersOf(t, c.values)
			if !reflect.DeepEqual(got.Histogram(), c.want) {
				t.Errorf("histogram %v, want %v", got.Histogram(), c.want)
			}
			if math.Abs(got.Std()-c.std) > 1e-9*c.std+1e-300 && c.name != "at the end of the exact indices" {
				t.Errorf("standard deviation %v, want %v", got.Std(), c.std)
			}
			slices.Reverse(c.values)
			if backwards := numbersOf(t, c.values); !reflect.DeepEqual(backwards.Histogram(), c.want) {
				t.Errorf("histogram %v of the rows in reverse order, want %v", backwards.Histogram(), c.want)
			}
		})
	}
}

// shapes are usual and unusual values of a feature.
func shapes(r *rand.Rand) []float64 {
	n := 4 + r.IntN(300)
	values := make([]float64, n)
	kind := r.IntN(6)
	for i := range values {
		switch kind {
		case 0:
			values[i] = r.NormFloat64()*3 + 100
		case 1:
			values[i] = math.Exp(50 * r.NormFloat64())
		case 2:
			values[i] = float64(r.IntN(5))
		case 3:
			values[i] = r.NormFloat64() * math.Ldexp(1, r.IntN(2000)-1000)
		case 4:
			values[i] = 1e15 + float64(r.IntN(100))
		case 5:
			for values[i] = math.Inf(1); math.IsInf(values[i], 0) || math.IsNaN(values[i]); {
				values[i] = math.Float64frombits(r.Uint64())
			}
		}
	}
	return values
}

func TestNumbers_anyOrderIsTheSameHistogram(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		values := shapes(r)
		want := numbersOf(t, values)
		checkHistogram(t, want, values)
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		if got := numbersOf(t, values); !reflect.DeepEqual(got.Histogram(), want.Histogram()) {
			t.Fatalf("%v becomes %v, and %v in another order", values, want.Histogram(), got.Histogram())
		}
	}
}

// checkHistogram counts the values again by the edges of the bins.
func checkHistogram(t *testing.T, p tally.Numbers, values []float64) {
	t.Helper()
	h := p.Histogram()
	if n := len(h.Counts); n < 1 || n > tally.MaxBins || h.Counts[0] == 0 || h.Counts[n-1] == 0 {
		t.Fatalf("histogram %v of %v, want 1 to %d bins, the outer ones not empty", h, values, tally.MaxBins)
	}
	if mantissa, _ := math.Frexp(h.Width); mantissa != 0.5 {
		t.Fatalf("width %v, want a power of two", h.Width)
	}
	counts := make([]int, len(h.Counts))
	first := math.Floor(h.Start / h.Width)
	for _, v := range values {
		at := math.Floor(v / h.Width)
		if at == 0 && v < 0 {
			at = -1
		}
		if i := at - first; i < 0 || i >= float64(len(counts)) {
			t.Fatalf("%v is in none of the bins of %v", v, h)
		}
		counts[int(at-first)]++
	}
	if !slices.Equal(counts, h.Counts) {
		t.Fatalf("counts %v from %v by %v, want %v", h.Counts, h.Start, h.Width, counts)
	}
	if spread := p.Max/2 - p.Min/2; p.Std() < 0 || p.Std() > spread*(1+1e-6) || math.IsNaN(p.Std()) ||
		(p.Max > p.Min && p.Std() == 0 && spread > 0x1p-1000) {
		t.Fatalf("standard deviation %v of values from %v to %v", p.Std(), p.Min, p.Max)
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"))
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		var values []float64
		for ; len(data) >= 8; data = data[8:] {
			bits := uint64(0)
			for _, b := range data[:8] {
				bits = bits<<8 | uint64(b)
			}
			if v := math.Float64frombits(bits); !math.IsNaN(v) && !math.IsInf(v, 0) {
				values = append(values, v)
			}
		}
		if len(values) < 4 {
			return // a dataset has at least four rows
		}
		p := numbersOf(t, values)
		checkHistogram(t, p, values)
		slices.Sort(values)
		if sorted := numbersOf(t, values); !reflect.DeepEqual(sorted.Histogram(), p.Histogram()) {
			t.Fatalf("%v, and %v when sorted", p.Histogram(), sorted.Histogram())
		}
	})
}

func TestNumbers_standardDeviation(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 1000)
	for i := range values {
		values[i] = 1e6 + r.NormFloat64()
	}
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	want := math.Sqrt(squares / float64(len(values)))
	numbers := numbersOf(t, values)
	if got := numbers.Std(); math.Abs(got-want) > 1e-9*want {
		t.Errorf("standard deviation %v, want %v", got, want)
	}
}
