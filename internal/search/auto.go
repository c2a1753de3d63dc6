package search

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"iris/model"
)

// Auto is the algorithm that tries several families, and fits one of the best.
const Auto model.Algorithm = "auto"

// AutoSummary describes Auto in a sentence.
const AutoSummary = "Tries the families that suit the number of rows, and several settings of gbdt, by " +
	"cross-validation. It takes an ensemble of them if that is better by more than one standard error, and otherwise " +
	"the cheapest whose log loss and accuracy are within one standard error of the best."

// AutoSize is what the trials of Auto depend on, besides the spec that they start from.
type AutoSize struct {
	Rows    int // of the dataset
	Train   int // rows for training
	Classes int
	Trials  int // at most, in all rounds; 0 is without a limit
	// Older plans the rounds as trainings do that began before auto had a portfolio.
	Older bool
}

// portfolio lists hyperparameters of gbdt that auto tries besides the defaults. Together they are better than the
// defaults on most public tables that were tried: docs/decisions/0040-a-portfolio-and-an-ensemble.md.
func portfolio() []string {
	return []string{
		`{"row_share":0.7}`,
		`{"feature_share":1}`,
		`{"num_leaves":3,"feature_share":1,"l2":10}`,
		`{"num_leaves":7,"min_rows_leaf":20,"l2":5}`,
	}
}

// AutoSpecs lists what Auto tries on a table, with the seed and the class weight of base. The list depends on what this
// version of the program knows, so workflows record it.
func AutoSpecs(base model.Spec, size AutoSize) []model.Spec {
	var list []model.Spec
	add := func(a model.Algorithm, hyperparameters string) {
		spec, err := model.Spec{
			Algorithm: a, Hyperparameters: json.RawMessage(hyperparameters), Seed: base.Seed, ClassWeight: base.ClassWeight,
		}.Resolve()
		if err == nil { // some families cannot weigh classes
			list = append(list, spec)
		}
	}
	families := model.Candidates(size.Rows)
	for _, a := range families {
		add(a, "")
	}
	if slices.Contains(families, model.GBDT) {
		for _, hyperparameters := range portfolio() {
			add(model.GBDT, hyperparameters)
		}
	}
	limit := size.Trials
	if size.Samples() && limit > 2*size.finalists() {
		limit -= size.finalists()
	}
	return preferred(list, limit)
}

// preferred keeps the n specs that are best most often, in the order of the list. If n is 0, it keeps all.
func preferred(list []model.Spec, n int) []model.Spec {
	if n == 0 || n >= len(list) {
		return list
	}
	order := []model.Algorithm{model.GBDT, model.LogisticRegression, model.MLP, model.RandomForest}
	places := make([]int, len(list)) // of the specs among all, the more seldom best the later
	seen := map[model.Algorithm]bool{}
	for i, s := range list {
		at := slices.Index(order, s.Algorithm)
		switch {
		case at < 0:
			places[i] = len(order) + 1
		case seen[s.Algorithm]: // of the portfolio
			places[i] = len(order)
		default:
			places[i] = at
		}
		seen[s.Algorithm] = true
	}
	kept := make([]int, len(list))
	for i := range kept {
		kept[i] = i
	}
	slices.SortStableFunc(kept, func(a, b int) int { return cmp.Compare(places[a], places[b]) })
	specs := make([]model.Spec, n)
	for i, at := range slices.Sorted(slices.Values(kept[:n])) {
		specs[i] = list[at]
	}
	return specs
}

// cheapest chooses among ranked trials. The best has the lowest log loss. A cheaper trial ties with it if neither its
// log loss nor its accuracy is worse by more than one standard error. The result is the cheapest of the best and those
// that tie with it, and of equally cheap ones the better. A difference within the standard error may be luck; the cost
// is certain.
//
// The trials are those of the last round, and tried is the number of those of the first that have a score.
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
			"%s (%s): log loss %.4f ± %.4f, the best of %d",
			best.Name, best.Algorithm, best.Score.Mean, best.Score.Std, tried,
		)
	}
	return chosen, fmt.Sprintf(
		"%s (%s): log loss %.4f and accuracy %.4f are within a standard error of the best one's, %.4f and %.4f of %s (%s), "+
			"and it is cheaper",
		chosen.Name, chosen.Algorithm, chosen.Score.Mean, chosen.accuracy(),
		best.Score.Mean, best.accuracy(), best.Name, best.Algorithm,
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
