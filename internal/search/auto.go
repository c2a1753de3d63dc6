package search

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"iris/model"
)

// Auto is the algorithm that tries several families with their default hyperparameters and fits one of the best.
const Auto model.Algorithm = "auto"

// AutoSummary describes Auto in a sentence.
const AutoSummary = "Tries the families that suit the number of rows by cross-validation, and takes the cheapest " +
	"whose log loss and accuracy are within one standard error of the best."

// AutoSize is what the trials of Auto depend on, besides the spec that they start from.
type AutoSize struct {
	Rows    int // of the dataset
	Train   int // rows for training
	Classes int
	Trials  int // at most, in all rounds; 0 is without a limit
}

// AutoSpecs lists what Auto tries on a table, with the seed and the class weight of base. The list depends on what this
// version of the program knows, so workflows record it.
func AutoSpecs(base model.Spec, size AutoSize) []model.Spec {
	var list []model.Spec
	for _, a := range model.Candidates(size.Rows) {
		if spec, err := (model.Spec{Algorithm: a, Seed: base.Seed, ClassWeight: base.ClassWeight}).Resolve(); err == nil {
			list = append(list, spec)
		}
	}
	limit := size.Trials
	if limit > 2*autoFinalists && size.Samples() {
		limit -= autoFinalists
	}
	return preferred(list, limit)
}

// preferred keeps the n specs that are most likely to be the best, in the order of the list; 0 keeps all.
func preferred(list []model.Spec, n int) []model.Spec {
	if n == 0 || n >= len(list) {
		return list
	}
	first := slices.Clone(list)
	slices.SortStableFunc(first, func(a, b model.Spec) int { return preference(a) - preference(b) })
	first = first[:n]
	return slices.DeleteFunc(list, func(s model.Spec) bool {
		return !slices.ContainsFunc(first, func(f model.Spec) bool {
			return f.Algorithm == s.Algorithm && bytes.Equal(f.Hyperparameters, s.Hyperparameters)
		})
	})
}

// preference is the place of a spec among those that a limit keeps.
func preference(s model.Spec) int {
	order := []model.Algorithm{model.GBDT, model.LogisticRegression, model.RandomForest, model.MLP}
	if at := slices.Index(order, s.Algorithm); at >= 0 {
		return at
	}
	return len(order)
}

// cheapest chooses among ranked trials. The best has the lowest log loss. A cheaper trial ties with it if neither its
// log loss nor its accuracy is worse by more than one standard error. The result is the cheapest of the best and those
// that tie with it, and of equally cheap ones the better. A difference within the standard error may be luck; the cost
// is certain.
//
// The trials are those of the last round, and tried is the number of families of the first.
func cheapest(ranked []Trial, tried int) (Trial, string) {
	best := ranked[0]
	chosen := best
	for _, t := range ranked[1:] {
		if t.cost() < chosen.cost() && ties(t, best) {
			chosen = t
		}
	}
	if chosen.Name == best.Name {
		return best, fmt.Sprintf(
			"%s: log loss %.4f ± %.4f, the best of %d families",
			best.Algorithm, best.Score.Mean, best.Score.Std, tried,
		)
	}
	return chosen, fmt.Sprintf(
		"%s: log loss %.4f and accuracy %.4f are within a standard error of the best one's, %.4f and %.4f of %s, "+
			"and it is cheaper",
		chosen.Algorithm, chosen.Score.Mean, chosen.accuracy(), best.Score.Mean, best.accuracy(), best.Algorithm,
	)
}

// cost returns what a prediction costs.
func (t Trial) cost() int { return t.Spec(model.Spec{}).Cost() }

// accuracy returns the mean accuracy, 0 for a trial of an older version.
func (t Trial) accuracy() float64 {
	if t.Accuracy == nil {
		return 0
	}
	return t.Accuracy.Mean
}

// ties reports whether neither the log loss nor the accuracy of t is worse than that of best by more than one standard
// error. Both trials have the same folds, so the standard error is that of their difference. For the log loss it is at
// most that of the best: a model that fails badly on some folds must not gain a margin by it. Trials of an older
// version have no values of fits; they are compared as that version did, by the standard error of the best log loss
// alone.
func ties(t, best Trial) bool {
	ours, theirs := t.validated, best.validated
	own := model.Validated{Fits: best.Fits, Scores: map[string]model.Score{string(LogLoss): *best.Score}}
	margin := own.StandardError(string(LogLoss))
	n := len(theirs.LogLoss)
	if n == 0 || len(ours.LogLoss) != n || len(ours.Accuracy) != n || len(theirs.Accuracy) != n {
		return t.Score.Mean <= best.Score.Mean+margin
	}
	return withinError(ours.LogLoss, theirs.LogLoss, margin) && withinError(theirs.Accuracy, ours.Accuracy, math.Inf(1))
}

// withinError reports whether the values of higher are, in the mean, at most one standard error of the difference above
// those of lower, and at most margin.
func withinError(higher, lower []float64, margin float64) bool {
	n := float64(len(higher))
	mean, squares := 0.0, 0.0
	for i := range higher {
		mean += (higher[i] - lower[i]) / n
	}
	for i := range higher {
		d := higher[i] - lower[i] - mean
		squares += d * d
	}
	const rounding = 1e-12 // of differences that are all equal
	return mean <= min(margin, math.Sqrt(squares/max(n-1, 1)/n))+rounding
}
