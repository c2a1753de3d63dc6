package model

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// exactMcNemar adds up the binomial coefficients as integers.
func exactMcNemar(b, c int) float64 {
	n, k := int64(b+c), int64(min(b, c))
	sum := new(big.Int)
	for i := range k + 1 {
		sum.Add(sum, new(big.Int).Binomial(n, i))
	}
	p, _ := new(big.Rat).SetFrac(sum.Lsh(sum, 1), new(big.Int).Lsh(big.NewInt(1), uint(n))).Float64()
	return min(p, 1)
}

func TestMcNemar_isTheExactBinomial(t *testing.T) {
	for b := range 40 {
		for c := range 40 {
			got, want := McNemar(b, c), exactMcNemar(b, c)
			if math.Abs(got-want) > 1e-12*want {
				t.Errorf("McNemar(%d, %d) = %v, want %v", b, c, got, want)
			}
			if got != McNemar(c, b) {
				t.Errorf("McNemar(%d, %d) is not equal to that of (%[2]d, %[1]d)", b, c)
			}
		}
	}
}

func TestMcNemar(t *testing.T) {
	for name, test := range map[string]struct {
		b, c     int
		want, by float64
	}{
		"no row":                {0, 0, 1, 0},
		"one row":               {1, 0, 1, 1e-15},
		"six to none":           {6, 0, 2.0 / 64, 1e-15},
		"a draw":                {50, 50, 1, 0},
		"121 to 59":             {121, 59, exactMcNemar(121, 59), 1e-17},
		"far more than 2^-1074": {5000, 0, math.SmallestNonzeroFloat64, 0},
		"a million rows":        {500_500, 499_500, exactTail, 1e-6},
	} {
		t.Run(name, func(t *testing.T) {
			if got := McNemar(test.b, test.c); math.Abs(got-test.want) > test.by {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// exactTail is the p-value of 500,500 to 499,500 by the normal approximation with continuity correction, which is
// accurate to 1e-6 at this size.
var exactTail = math.Erfc(999.0 / 1000 / math.Sqrt2)

func TestComparePaired(t *testing.T) {
	table, _, err := dataset.Read(strings.NewReader("x,side\n-2,a\n-1,a\n1,b\n2,b\n-3,a\n3,b\n"), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	train := func(rows *dataset.Table) *Model {
		spec, err := Spec{}.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		m, err := Train(t.Context(), rows, spec, func(Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	good := train(table)
	turned := *table
	turned.Y = make([]int, len(table.Y))
	for i, y := range table.Y {
		turned.Y[i] = 1 - y
	}
	bad := train(&turned)
	for name, test := range map[string]struct {
		first, second *Model
		want          Paired
	}{
		"the same": {good, good, Paired{P: 1}},
		"better":   {good, bad, Paired{OnlyFirst: 6, P: 2.0 / 64}},
		"worse":    {bad, good, Paired{OnlySecond: 6, P: 2.0 / 64}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ComparePaired(test.first, table, test.second, table)
			if err != nil || got.OnlyFirst != test.want.OnlyFirst || got.OnlySecond != test.want.OnlySecond ||
				math.Abs(got.P-test.want.P) > 1e-12 {
				t.Errorf("got %+v (%v), want %+v", got, err, test.want)
			}
		})
	}
	other := *table
	other.Schema.Features = []string{"y"}
	if _, err := ComparePaired(good, &other, bad, &other); err == nil || !strings.Contains(err.Error(), "other features") {
		t.Errorf("other features: %v, want an error that says so", err)
	}
}

func TestMetricNames(t *testing.T) {
	const want = "accuracy auc average_precision balanced_accuracy brier ece log_loss macro_f1 mcc"
	if got := strings.Join(MetricNames(), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
