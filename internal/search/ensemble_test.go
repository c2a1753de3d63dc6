package search

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"iris/model"
)

// rowsOf returns the labels of rows of two classes, and their folds.
func rowsOf(random *rand.Rand, rows, folds int) (labels []int, fold []uint8) {
	for r := range rows {
		labels, fold = append(labels, random.IntN(2)), append(fold, uint8(r%folds))
	}
	return labels, fold
}

// predictions returns what a made-up trial predicts: the logit of a row has the sign of its class, and an error of its
// own.
func predictions(name string, labels []int, fold []uint8, logit func(row int, sign float64) float64) Predicted {
	p := Predicted{Fold: fold}
	loss := 0.0
	for r, y := range labels {
		second := 1 / (1 + math.Exp(-logit(r, 2*float64(y)-1)))
		p.P = append(p.P, float32(1-second), float32(second))
		loss -= math.Log(max(float64(p.P[2*r+y]), model.MinProbability)) / float64(len(labels))
	}
	p.Trial = Trial{
		Name: name, Algorithm: model.LogisticRegression, Score: &model.Score{Mean: loss},
		Hyperparameters: json.RawMessage(fmt.Sprintf(`{"l2":%d}`, len(name))),
	}
	return p
}

// Two trials with independent errors are better together, and a third one, pure noise, has no part.
func TestCombine_findsTheBestMix(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	labels, fold := rowsOf(random, 4000, 5)
	noisy := func(_ int, sign float64) float64 { return sign + 1.2*random.NormFloat64() }
	trials := []Predicted{
		predictions("a", labels, fold, noisy),
		predictions("bb", labels, fold, noisy),
		predictions("noise", labels, fold, func(int, float64) float64 { return random.NormFloat64() }),
	}
	c, err := Combine(trials, labels, 2, LogLoss, model.Spec{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	if c.Spec.Algorithm != model.Ensemble || c.Spec.Seed != 7 || !c.Ensemble.Taken || len(c.Picks) != 2 ||
		c.Picks[0].Name != "a" || c.Picks[1].Name != "bb" {
		t.Fatalf("%+v, want an ensemble of a and bb", c)
	}
	if ratio := float64(c.Picks[0].Times) / float64(c.Picks[1].Times); ratio < .6 || ratio > 1.7 {
		t.Errorf("picks %+v, want about as many of both", c.Picks)
	}
	if c.Ensemble.After >= c.Ensemble.Before-c.Ensemble.Error || !strings.Contains(c.Reason, "an ensemble of") {
		t.Errorf("%+v: %s", c.Ensemble, c.Reason)
	}
}

// Trials whose probabilities differ by chance alone are not better together on other rows.
func TestCombine_takesNoNoise(t *testing.T) {
	taken := 0
	const tries = 40
	for seed := range uint64(tries) {
		random := rand.New(rand.NewPCG(seed, 2))
		labels, fold := rowsOf(random, 300, 5)
		good := make([]float64, len(labels))
		var trials []Predicted
		for i := range 12 {
			name := strings.Repeat("x", i+1)
			trials = append(trials, predictions(name, labels, fold, func(r int, sign float64) float64 {
				if i == 0 {
					good[r] = 1.5*sign + random.NormFloat64()
					return good[r]
				}
				return 2 * random.NormFloat64()
			}))
		}
		c, err := Combine(trials, labels, 2, LogLoss, model.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		if c.Trial.Name != "x" {
			t.Fatalf("the best trial is %s, want x", c.Trial.Name)
		}
		if c.Ensemble.Taken {
			taken++
		}
	}
	if taken > tries/4 {
		t.Errorf("%d of %d times an ensemble with noise, want it seldom", taken, tries)
	}
	t.Logf("%d of %d", taken, tries)
}

// drawn returns rows whose class is drawn by a logit, and the logits.
func drawn(random *rand.Rand, rows int) (labels []int, fold []uint8, logits []float64) {
	labels, fold = rowsOf(random, rows, 5)
	logits = make([]float64, rows)
	for r := range logits {
		labels[r], logits[r] = 0, 2*random.NormFloat64()
		if random.Float64() < 1/(1+math.Exp(-logits[r])) {
			labels[r] = 1
		}
	}
	return labels, fold, logits
}

// Probabilities that are too sure by a known factor get that temperature.
func TestCombine_findsTheTemperature(t *testing.T) {
	for _, want := range []float64{.4, 2.5} {
		random := rand.New(rand.NewPCG(4, 4))
		labels, fold, logits := drawn(random, 5000)
		trial := predictions("sure", labels, fold, func(r int, _ float64) float64 { return logits[r] * want })
		c, err := Combine([]Predicted{trial}, labels, 2, LogLoss, model.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(math.Log(c.Temperature/want)) > .1 || !c.Calibration.Taken || c.Picks != nil {
			t.Errorf("%+v, want a temperature of about %v and no ensemble of several", c, want)
		}
		var h struct {
			Members     []any
			Temperature float64
		}
		if err := json.Unmarshal(c.Spec.Hyperparameters, &h); err != nil || len(h.Members) != 1 ||
			h.Temperature != c.Temperature || c.Spec.Algorithm != model.Ensemble {
			t.Errorf("%+v, want an ensemble of one with the temperature", c.Spec)
		}
		if !strings.Contains(c.Reason, "a temperature of") {
			t.Errorf("%s, want the temperature in it", c.Reason)
		}
	}
}

// A trial whose probabilities are right stays as it is.
func TestCombine_leavesCalibratedTrialsAlone(t *testing.T) {
	changed := 0
	const tries = 40
	for seed := range uint64(tries) {
		random := rand.New(rand.NewPCG(seed, 5))
		labels, fold, logits := drawn(random, 500)
		trial := predictions("right", labels, fold, func(r int, _ float64) float64 { return logits[r] })
		c, err := Combine([]Predicted{trial}, labels, 2, LogLoss, model.Spec{Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		if c.Temperature != 1 {
			changed++
			continue
		}
		if c.Spec.Algorithm != trial.Trial.Algorithm || c.Spec.Seed != 3 || !strings.Contains(c.Reason, "alone") {
			t.Fatalf("%+v, want the trial", c)
		}
	}
	if changed > tries/4 {
		t.Errorf("%d of %d times a temperature for calibrated probabilities, want it seldom", changed, tries)
	}
	t.Logf("%d of %d", changed, tries)
}

// The metric of the search decides about the ensemble.
func TestCombine_otherMetrics(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	labels, fold := rowsOf(random, 3000, 5)
	noisy := func(_ int, sign float64) float64 { return sign + 1.5*random.NormFloat64() }
	trials := []Predicted{predictions("a", labels, fold, noisy), predictions("bb", labels, fold, noisy)}
	for _, metric := range []Metric{Accuracy, AUC} {
		for i := range trials {
			trials[i].Trial.Score = &model.Score{Mean: .7 + float64(i)/100}
		}
		c, err := Combine(trials, labels, 2, metric, model.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		if c.Trial.Name != "bb" || !c.Ensemble.Taken || c.Ensemble.After <= c.Ensemble.Before || c.Ensemble.After > 1 {
			t.Errorf("%s: %+v, want an ensemble with a higher value than bb", metric, c)
		}
	}
}

// Rows that a trial has no predictions for have no part, and equal specs become one member.
func TestCombine_absentRowsAndEqualSpecs(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	labels, fold := rowsOf(random, 2000, 4)
	noisy := func(_ int, sign float64) float64 { return sign + 1.5*random.NormFloat64() }
	a, b := predictions("a", labels, fold, noisy), predictions("bb", labels, fold, noisy)
	for r := range 500 {
		a.P[2*r], a.P[2*r+1] = float32(math.NaN()), float32(math.NaN())
	}
	b.Trial.Hyperparameters = a.Trial.Hyperparameters
	failed := Predicted{Trial: Trial{Name: "failed", Error: "no memory"}}
	c, err := Combine([]Predicted{a, failed, b}, labels, 2, LogLoss, model.Spec{})
	if err != nil || len(c.Picks) != 2 || math.IsNaN(c.Ensemble.After) {
		t.Fatalf("%+v, %v; want an ensemble of both", c, err)
	}
	var h struct{ Members []struct{ Weight int } }
	if err := json.Unmarshal(c.Spec.Hyperparameters, &h); err != nil || len(h.Members) != 1 ||
		h.Members[0].Weight != c.Picks[0].Times+c.Picks[1].Times {
		t.Errorf("%s, want one member with the weight of both", c.Spec.Hyperparameters)
	}
}

func TestCombine_oneFold(t *testing.T) {
	labels, fold := rowsOf(rand.New(rand.NewPCG(1, 1)), 20, 1)
	trial := predictions("a", labels, fold, func(_ int, sign float64) float64 { return sign })
	c, err := Combine([]Predicted{trial}, labels, 2, LogLoss, model.Spec{})
	if err != nil || c.Spec.Algorithm != model.LogisticRegression || c.Temperature != 1 ||
		!strings.Contains(c.Reason, "too few rows") {
		t.Errorf("%+v, %v; want the trial as it is", c, err)
	}
}

func TestCombine_errors(t *testing.T) {
	labels, fold := rowsOf(rand.New(rand.NewPCG(1, 1)), 20, 2)
	good := func() Predicted {
		return predictions("a", labels, fold, func(_ int, sign float64) float64 { return sign })
	}
	short, elsewhere, failed := good(), good(), good()
	short.P = short.P[1:]
	elsewhere.Fold = append([]uint8{7}, fold[1:]...)
	failed.Trial.Score = nil
	for want, test := range map[string]struct {
		trials []Predicted
		labels []int
	}{
		"no trial has a score": {[]Predicted{failed}, labels},
		"39 probabilities":     {[]Predicted{short}, labels},
		"different folds":      {[]Predicted{good(), elsewhere}, labels},
		"not one of 2 classes": {[]Predicted{good()}, append([]int{2}, labels[1:]...)},
	} {
		if _, err := Combine(test.trials, test.labels, 2, LogLoss, model.Spec{}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
