package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"iris/internal/dataset"
)

// seldom is a table whose class "yes" has about a tenth of the rows.
func seldom(rows int) *dataset.Table {
	random := rand.New(rand.NewPCG(7, uint64(rows)))
	t := &dataset.Table{Schema: dataset.Schema{
		Features: []string{"a", "b"}, Label: "y", Classes: []string{"no", "yes"},
		Aliases: map[string]string{"yes.": "yes"},
	}}
	for range rows {
		y := 0
		if random.IntN(10) == 0 {
			y = 1
		}
		t.X = append(t.X, float64(y)+random.NormFloat64(), random.NormFloat64())
		t.Y = append(t.Y, y)
	}
	return t
}

var fiveFolds = CrossValidation{Folds: 5, Repeats: 1, Seed: 42}

func TestDecisionRequest_Check(t *testing.T) {
	for name, test := range map[string]struct {
		request string
		want    string // "" is valid
	}{
		"nothing":                  {`{}`, ""},
		"a positive class":         {`{"positive_class":"yes"}`, ""},
		"a threshold":              {`{"threshold":0.2}`, ""},
		"a metric":                 {`{"threshold_metric":"mcc","positive_class":"no"}`, ""},
		"costs":                    {`{"threshold_metric":"cost","costs":{"false_positive":1,"false_negative":5}}`, ""},
		"a threshold and a metric": {`{"threshold":0.2,"threshold_metric":"f1"}`, "is given, and threshold as well"},
		"a threshold of 0":         {`{"threshold":0}`, "/threshold: is 0, want a number above 0 and below 1"},
		"a threshold of 1":         {`{"threshold":1}`, "/threshold: is 1"},
		"an unknown metric":        {`{"threshold_metric":"luck"}`, `"luck" is not one of: f1, balanced_accuracy, mcc`},
		"cost without costs":       {`{"threshold_metric":"cost"}`, "/costs: is missing"},
		"costs of another metric": {
			`{"threshold_metric":"f1","costs":{"false_positive":1,"false_negative":5}}`, "is for the threshold_metric cost",
		},
		"one cost":        {`{"threshold_metric":"cost","costs":{"false_positive":1}}`, "/costs/false_negative: is 0"},
		"a negative cost": {`{"threshold_metric":"cost","costs":{"false_positive":-1}}`, "/costs/false_positive: is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			var r DecisionRequest
			if err := json.Unmarshal([]byte(test.request), &r); err != nil {
				t.Fatal(err)
			}
			err := r.Check()
			var wrong *SpecError
			if test.want == "" && err != nil ||
				test.want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if r.Given() == (name == "nothing") {
				t.Errorf("given is %v", r.Given())
			}
		})
	}
}

func TestDecisionRequest_CheckClasses(t *testing.T) {
	two, three := seldom(1).Schema, load(t, "iris").Schema
	half := 0.5
	for name, test := range map[string]struct {
		r      DecisionRequest
		schema dataset.Schema
		want   string
	}{
		"nothing":        {DecisionRequest{}, three, ""},
		"an alias":       {DecisionRequest{PositiveClass: "yes."}, two, ""},
		"no class":       {DecisionRequest{PositiveClass: "maybe"}, two, `/positive_class: "maybe" is not a class`},
		"a class of 3":   {DecisionRequest{PositiveClass: "setosa"}, three, `/positive_class: is for two classes, and`},
		"a threshold":    {DecisionRequest{Threshold: &half}, three, "/threshold: is for two classes"},
		"another metric": {DecisionRequest{ThresholdMetric: MCCThreshold}, three, "/threshold_metric: is for two classes"},
	} {
		err := test.r.CheckClasses(test.schema)
		if got := fmt.Sprint(err); test.want == "" && err != nil || test.want != "" && !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// The search agrees with trying every threshold between two probabilities, for every metric.
func TestBestThreshold_isExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		rows := 1 + random.IntN(30)
		p, y := make([]float64, rows), make([]bool, rows)
		for i := range p {
			y[i] = random.IntN(3) == 0
			switch random.IntN(4) {
			case 0:
				p[i] = float64(random.IntN(5)) / 4 // ties, and certain ones
			case 1:
				p[i] = math.Nextafter(0.5, float64(random.IntN(2)))
			default:
				p[i] = random.Float64()
			}
		}
		r := DecisionRequest{
			ThresholdMetric: ThresholdMetrics()[round%len(ThresholdMetrics())],
			Costs:           &Costs{FalsePositive: 1, FalseNegative: random.Float64() * 9},
		}
		at := func(threshold float64) float64 {
			var c calls
			for i, v := range p {
				switch {
				case v >= threshold && y[i]:
					c.hits++
				case v >= threshold:
					c.falseAlarms++
				case y[i]:
					c.misses++
				default:
					c.rejections++
				}
			}
			return r.score(c)
		}
		distinct := slices.Concat([]float64{0, 1}, p)
		slices.Sort(distinct)
		distinct = slices.Compact(distinct)
		best, closest := math.Inf(-1), math.Inf(1)
		for i := range len(distinct) - 1 {
			middle := distinct[i] + (distinct[i+1]-distinct[i])/2
			if middle == distinct[i] {
				middle = distinct[i+1]
			}
			if middle == 1 {
				continue
			}
			switch v := at(middle); {
			case v > best:
				best, closest = v, math.Abs(middle-0.5)
			case v == best:
				closest = min(closest, math.Abs(middle-0.5))
			}
		}
		threshold, value := bestThreshold(p, y, r.score)
		if value != best || at(threshold) != best || !(threshold > 0 && threshold < 1) ||
			math.Abs(math.Abs(threshold-0.5)-closest) > 1e-15 {
			t.Fatalf("%s of %v, %v: got %v at %v (worth %v), want %v at %v from 0.5",
				r.ThresholdMetric, p, y, value, threshold, at(threshold), best, closest)
		}
	}
}

func TestDecide(t *testing.T) {
	data, fresh := seldom(1500), seldom(1501)
	m := train(t, data, Spec{})
	plain, err := Evaluate(m, fresh)
	if err != nil {
		t.Fatal(err)
	}
	costs := &Costs{FalsePositive: 1, FalseNegative: 8}
	for name, test := range map[string]struct {
		r     DecisionRequest
		value func(Metrics) float64 // on rows that no fit has seen; higher is better
	}{
		"f1": {DecisionRequest{ThresholdMetric: F1Threshold}, func(m Metrics) float64 { return m.Classes[1].F1 }},
		"balanced accuracy": {
			DecisionRequest{ThresholdMetric: BalancedAccuracyThreshold}, func(m Metrics) float64 { return m.BalancedAccuracy },
		},
		"mcc of the other class": {
			DecisionRequest{ThresholdMetric: MCCThreshold, PositiveClass: "no"}, func(m Metrics) float64 { return m.MCC },
		},
		"cost": {DecisionRequest{ThresholdMetric: CostThreshold, Costs: costs}, func(m Metrics) float64 {
			return -(float64(m.Confusion[0][1]) + 8*float64(m.Confusion[1][0])) / float64(m.Rows)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			decided, err := m.Decide(t.Context(), data, test.r, fiveFolds)
			if err != nil {
				t.Fatal(err)
			}
			got, err := EvaluateWithIntervals(decided, fresh)
			if err != nil {
				t.Fatal(err)
			}
			if before, after := test.value(plain), test.value(got); after <= before {
				t.Errorf("%v, and %v without the decision %+v", after, before, decided.Decision())
			}
			if got.LogLoss != plain.LogLoss || got.AUC != plain.AUC || got.Brier != plain.Brier || got.ECE != plain.ECE {
				t.Errorf("got %+v, want the probabilities of %+v", got, plain)
			}
			if i := got.Intervals["accuracy"]; i.High-i.Low > 0.1 || i.Low > got.Accuracy || i.High < got.Accuracy {
				t.Errorf("interval %+v around an accuracy of %v", i, got.Accuracy)
			}
			d := decided.Decision()
			value := d.Value
			if d.Metric == CostThreshold {
				value = -value
			}
			if v := d.Measure(got); math.Abs(v-math.Abs(test.value(got))) > 1e-12 {
				t.Errorf("measured as %v, want %v", v, test.value(got))
			}
			if want := test.value(got); math.Abs(value-want) > 0.15 {
				t.Errorf("value %v out of fold, %v on fresh rows", value, want)
			}
			again, err := m.Decide(t.Context(), data, test.r, fiveFolds)
			if err != nil || !bytes.Equal(encode(t, again), encode(t, decided)) {
				t.Errorf("a second time gives other bytes (%v)", err)
			}
		})
	}
}

func TestDecide_given(t *testing.T) {
	data := seldom(300)
	m := train(t, data, Spec{})
	low := 0.2
	for name, test := range map[string]struct {
		r    DecisionRequest
		want *Decision
	}{
		"nothing":     {DecisionRequest{}, nil},
		"a threshold": {DecisionRequest{Threshold: &low}, &Decision{PositiveClass: "yes", Threshold: 0.2}},
		"a class":     {DecisionRequest{PositiveClass: "no"}, &Decision{PositiveClass: "no", Threshold: 0.5}},
		"an alias": {
			DecisionRequest{PositiveClass: "yes.", Threshold: &low}, &Decision{PositiveClass: "yes", Threshold: 0.2},
		},
	} {
		got, err := m.Decide(t.Context(), data, test.r, fiveFolds)
		if err != nil || fmt.Sprint(got.Decision()) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %+v (%v), want %+v", name, got.Decision(), err, test.want)
		}
	}
	for name, r := range map[string]DecisionRequest{
		"a class that is none": {PositiveClass: "maybe"}, "two ways": {Threshold: &low, ThresholdMetric: F1Threshold},
	} {
		var wrong *SpecError
		if got, err := m.Decide(t.Context(), data, r, fiveFolds); !errors.As(err, &wrong) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	byF1 := DecisionRequest{ThresholdMetric: F1Threshold}
	if got, err := m.Decide(t.Context(), data.Subset([]int{0, 0, 0}), byF1, fiveFolds); !errors.Is(err, ErrUnlearnable) {
		t.Errorf("got %v, %v of one row", got, err)
	}
}

// A threshold changes labels and nothing else, in every family and with every way to predict.
func TestWithThreshold(t *testing.T) {
	data := seldom(300)
	for _, algorithm := range Algorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			m := train(t, data, Spec{Algorithm: algorithm})
			low, err := m.WithThreshold(0.2)
			if err != nil {
				t.Fatal(err)
			}
			labels, all := make([]int, data.Rows()), make([]float64, 2*data.Rows())
			low.PredictRows(data.X, labels, all)
			p, q := make([]float64, 2), make([]float64, 2)
			for r := range data.Rows() {
				m.Predict(data.Row(r), p)
				want := 0
				if p[1] >= 0.2 {
					want = 1
				}
				if got := low.Predict(data.Row(r), q); got != want || labels[r] != want || !slices.Equal(p, q) {
					t.Fatalf("row %d: %v is called %d and %d, want %d of %v", r, q, got, labels[r], want, p)
				}
			}
			if n := testing.AllocsPerRun(100, func() { low.Predict(data.Row(0), q) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
			if m.Decision() != nil {
				t.Errorf("the model itself has %+v now", m.Decision())
			}
			encoded := encode(t, low)
			decoded, err := Decode(encoded)
			if err != nil || !bytes.Equal(encode(t, decoded), encoded) || *decoded.Decision() != *low.Decision() {
				t.Errorf("decoded with another decision, or other bytes (%v)", err)
			}
			if !bytes.Contains(encoded, []byte(`"format_version":4,`)) {
				t.Errorf("%.60s: an older program would take it for its own", encoded)
			}
			f := encodeONNX(t, low)
			f.checkFlow(t)
			for _, op := range []string{"GreaterOrEqual", "Where"} {
				if !slices.Contains(f.operators(), op) {
					t.Errorf("operators %v without %s", f.operators(), op)
				}
			}
		})
	}
}

func TestWithThreshold_keepsThePositiveClass(t *testing.T) {
	m := train(t, seldom(300), Spec{})
	m, err := m.Decide(t.Context(), nil, DecisionRequest{PositiveClass: "no"}, fiveFolds)
	if err == nil {
		m, err = m.WithThreshold(0.99)
	}
	if err != nil || *m.Decision() != (Decision{PositiveClass: "no", Threshold: 0.99}) {
		t.Errorf("got %+v (%v)", m.Decision(), err)
	}
}

func TestWithThreshold_errors(t *testing.T) {
	two, three := train(t, seldom(300), Spec{}), train(t, load(t, "iris"), Spec{})
	for _, test := range []struct {
		m         *Model
		threshold float64
		want      string
	}{
		{two, 0, "/threshold: is 0, want a number above 0 and below 1"},
		{two, 1, "/threshold: is 1"},
		{two, math.NaN(), "/threshold: is NaN"},
		{three, 0.5, "/threshold: is for models of two classes, and this one has 3"},
	} {
		if got, err := test.m.WithThreshold(test.threshold); !strings.HasPrefix(fmt.Sprint(err), test.want) {
			t.Errorf("got %v, %v, want %s", got, err, test.want)
		}
	}
}

// Two models that decide by other thresholds are compared by their labels.
func TestComparePaired_byThreshold(t *testing.T) {
	data := seldom(300)
	m := train(t, data, Spec{})
	all, err := m.WithThreshold(1e-9)
	if err != nil {
		t.Fatal(err)
	}
	paired, err := ComparePaired(all, data, m, data)
	if err != nil || paired.OnlyFirst == 0 || paired.OnlySecond < 200 {
		t.Errorf("got %+v (%v), want the rows that only one label has right", paired, err)
	}
}
