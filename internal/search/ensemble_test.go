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
		loss -= math.Log(max(float64(p.P[2*r+y]), leastProbability)) / float64(len(labels))
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
