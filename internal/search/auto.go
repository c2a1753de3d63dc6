package search

import (
	"fmt"

	"iris/model"
)

// Auto is the algorithm that tries several families with their default hyperparameters and fits one of the best.
const Auto model.Algorithm = "auto"

// AutoSummary describes Auto in a sentence.
const AutoSummary = "Tries the families that suit the number of rows by cross-validation, and takes the cheapest " +
	"whose log loss is within one standard error of the best."

// AutoSpecs lists what Auto tries on a number of rows, with the seed and the class weight of base. The list depends on
// the families that this version of the program knows, so workflows record it.
func AutoSpecs(rows int, base model.Spec) []model.Spec {
	var list []model.Spec
	for _, a := range model.Candidates(rows) {
		if spec, err := (model.Spec{Algorithm: a, Seed: base.Seed, ClassWeight: base.ClassWeight}).Resolve(); err == nil {
			list = append(list, spec)
		}
	}
	return list
}

// cheapest chooses among ranked trials: the cheapest of those whose mean log loss is within one standard error of the
// best, and of equally cheap ones the better. A difference within the standard error may be luck; the cost is certain.
func cheapest(ranked []Trial) (Trial, string) {
	best := ranked[0]
	validated := model.Validated{Fits: best.Fits, Scores: map[string]model.Score{string(LogLoss): *best.Score}}
	margin := validated.StandardError(string(LogLoss))
	chosen := best
	for _, t := range ranked[1:] {
		if t.Score.Mean <= best.Score.Mean+margin && model.Cost(t.Algorithm) < model.Cost(chosen.Algorithm) {
			chosen = t
		}
	}
	if chosen.Name == best.Name {
		return best, fmt.Sprintf(
			"%s: log loss %.4f ± %.4f, the best of %d families",
			best.Algorithm, best.Score.Mean, best.Score.Std, len(ranked),
		)
	}
	return chosen, fmt.Sprintf(
		"%s: log loss %.4f is within a standard error, %.4f, of the best one's, %.4f of %s, and it is cheaper",
		chosen.Algorithm, chosen.Score.Mean, margin, best.Score.Mean, best.Algorithm,
	)
}
