package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"iris/model"
)

// Auto is the algorithm that tries several with their default hyperparameters, and fits one that predicts best.
const Auto model.Algorithm = "auto"

// AutoSummary is what it is, in a sentence.
const AutoSummary = "Tries the families that suit the number of rows by cross-validation, and takes the cheapest whose log loss is within one standard error of the best."

// DefaultAlgorithm is what a training that names no algorithm fits.
const DefaultAlgorithm = Auto

// resolveAuto checks what a training by Auto may not give.
func (in TrainingInput) resolveAuto() (TrainingInput, model.Spec, error) {
	spec := model.Spec{Algorithm: Auto, Seed: *in.Seed, ClassWeight: in.ClassWeight}
	if h := string(in.Hyperparameters); h != "" && h != "null" && h != "{}" {
		return in, spec, refuse("/hyperparameters", "%s takes none: name an algorithm to give it some", Auto)
	}
	if in.Search != nil {
		return in, spec, refuse("/search", "%s takes none: name an algorithm to search for its hyperparameters", Auto)
	}
	if _, err := (model.Spec{ClassWeight: in.ClassWeight}).Resolve(); err != nil { // by a family that can weigh
		return in, spec, err
	}
	in.Algorithm, in.Hyperparameters = Auto, nil
	in, err := in.resolveTrials(spec)
	return in, spec, err
}

// autoSpecs are what Auto tries. They are recorded, because another version of the program may know other families.
func (s *trials) autoSpecs(ctx workflow.Context) (specs []model.Spec, err error) {
	rows, base := s.data.Rows, s.spec
	err = workflow.SideEffect(ctx, func(workflow.Context) any {
		var list []model.Spec
		for _, a := range model.Candidates(rows) {
			if spec, err := (model.Spec{Algorithm: a, Seed: base.Seed, ClassWeight: base.ClassWeight}).Resolve(); err == nil {
				list = append(list, spec)
			}
		}
		return list
	}).Get(&specs)
	return specs, err
}

// cheapest chooses among trials with scores, the best first: the cheapest of those whose mean log loss is within one
// standard error of the best one's, and of equals the better. What lies within it may be luck; the cost does not.
func cheapest(ranked []Trial) (Trial, string) {
	best := ranked[0]
	margin := model.Validated{
		Fits:   best.Fits,
		Scores: map[string]model.Score{string(LogLoss): *best.Score},
	}.StandardError(
		string(LogLoss),
	)
	chosen := best
	for _, t := range ranked[1:] {
		if t.Score.Mean <= best.Score.Mean+margin && model.Cost(t.Algorithm) < model.Cost(chosen.Algorithm) {
			chosen = t
		}
	}
	if chosen.Name == best.Name {
		return best, fmt.Sprintf(
			"%s: log loss %.4f ± %.4f, the best of %d families",
			best.Algorithm,
			best.Score.Mean,
			best.Score.Std,
			len(ranked),
		)
	}
	return chosen, fmt.Sprintf(
		"%s: log loss %.4f is within a standard error, %.4f, of the best one's, %.4f of %s, and it is cheaper",
		chosen.Algorithm,
		chosen.Score.Mean,
		margin,
		best.Score.Mean,
		best.Algorithm,
	)
}
