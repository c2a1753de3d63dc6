package scores_test

import (
	"encoding/json"
	"math"
	"testing"

	"iris/internal/scores"
)

func nan() float64 { return math.NaN() }
func inf() float64 { return math.Inf(1) }

// wantNumber compares AppendNumber with encoding/json.
func wantNumber(t *testing.T, v float64) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if got := scores.AppendNumber(nil, v); string(got) != string(want) {
		t.Fatalf("AppendNumber(%b) = %s, want %s", v, got, want)
	}
}

func TestAppendNumber(t *testing.T) {
	for n := 1; n <= 1000; n++ {
		for k := range n + 1 {
			wantNumber(t, float64(k)/float64(n))
		}
	}
	for n := range 100_000 {
		wantNumber(t, float64(n)/1e8)
		wantNumber(t, float64(n)/1e9)
		wantNumber(t, math.Nextafter(float64(n)/1e5, 2))
		wantNumber(t, math.Nextafter(float64(n)/1e5, -1))
	}
	for _, v := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.5, -0.25, 1e-6, 9.99999e-7, 1e-7, 1e-10, 1e-100, 1e20, 1e21, 1e22, 123456.789,
		99999999e-8,
		math.MaxFloat64, math.SmallestNonzeroFloat64, 1 - 1e-16, 1 + 1e-15, 0.1 + 0.2,
	} {
		wantNumber(t, v)
	}
}

func FuzzAppendNumber(f *testing.F) {
	for _, v := range []float64{0.25, 0.1 + 0.2, 1e-6, 1e-7, 0.99999999, 1} {
		f.Add(math.Float64bits(v), uint32(v*1e8), uint8(8))
	}
	f.Fuzz(func(t *testing.T, bits uint64, n uint32, decimals uint8) {
		if v := math.Float64frombits(bits); !math.IsNaN(v) && !math.IsInf(v, 0) {
			wantNumber(t, v)
			wantNumber(t, v-math.Floor(v))
		}
		wantNumber(t, float64(n)/math.Pow10(int(decimals%20)))
	})
}
