// Package model is the machine learning of iris: a Spec says what to train, Train makes a Model of a table, Evaluate
// measures it, Predict uses it, Encode and Decode carry it. It knows no files, no network and no registry; the bytes
// of Encode are kept by others.
package model

import (
	"context"
	"fmt"

	"iris/internal/dataset"
	"iris/model/internal/onnx"
)

// Model is a trained classifier. It never changes, so any number of goroutines may use it.
type Model struct {
	schema dataset.Schema
	spec   Spec
	scorer scorer
}

// scorer is what a family learned: one type per family, encoded in the artifact as its JSON form.
type scorer interface {
	// prepare checks everything that score relies on and derives what the JSON form leaves out. It runs once,
	// after a fit and after a decode alike, before the first score.
	prepare(features, classes int) error
	// score fills p, one value per class, with probabilities for the row x. It doesn't allocate and changes nothing
	// but p.
	score(x, p []float64)
	// onnx adds to g what score does and returns the name of the probabilities, float64 [N, classes]. If ONNX cannot
	// express it, onnx calls g.Fail.
	onnx(g *onnx.Graph) string
}

// family is what the package knows of an algorithm. A new one is a file with its scorer, its fit and its ONNX form, and
// an
// entry below.
type family struct {
	summary    string // a sentence for users
	cost       int    // see Cost
	autoRows   int    // the most rows that Candidates has it tried on, where more would take too long; 0 is no bound
	parameters []parameter
	presets    map[string]map[string]any // other defaults, by the value of the parameter "preset"
	// weighs says why a fit with these hyperparameters cannot take a Spec's ClassWeight, "" when it can. A family that has
	// none never can.
	weighs func(values map[string]any) string
	empty  func() scorer // for Decode to fill
	// fit learns from the table as a resolved Spec says. All that is random in it comes from the Spec's seed.
	fit func(context.Context, *dataset.Table, Spec, func(Progress)) (scorer, error)
}

var families = map[Algorithm]family{
	LogisticRegression: {
		summary:    "Multinomial logistic regression on standardised features, fitted by L-BFGS: fast, and its probabilities can be trusted.",
		cost:       1,
		parameters: logisticRegressionParameters,
		weighs:     anyWeights,
		empty:      func() scorer { return new(logisticRegression) },
		fit:        fitLogisticRegression,
	},
	GaussianNB: {
		summary:    "Gaussian naive Bayes: every feature is normal and independent of the others within a class; the fastest to fit, its probabilities are often too sure.",
		cost:       2,
		parameters: gaussianNBParameters,
		weighs:     gaussianNBWeighs,
		empty:      func() scorer { return new(gaussianNB) },
		fit:        fitGaussianNB,
	},
	KNN: {
		summary:    "The k nearest training rows by Euclidean distance vote: nothing to fit, but the artifact holds all rows, and a prediction searches them.",
		cost:       200,
		parameters: knnParameters,
		empty:      func() scorer { return new(knn) },
		fit:        fitKNN,
	},
	MLP: {
		summary:    "A multilayer perceptron trained by Adam, with dropout and early stopping: learns curved boundaries, takes longer to fit.",
		cost:       20,
		autoRows:   100_000,
		parameters: mlpParameters,
		presets:    mlpPresets,
		weighs:     anyWeights,
		empty:      func() scorer { return new(mlp) },
		fit:        fitMLP,
	},
	DecisionTree: {
		summary:    "A single CART decision tree: easy to explain, seldom the most accurate.",
		cost:       2,
		parameters: decisionTreeParameters,
		weighs:     decisionTreeWeighs,
		empty:      func() scorer { return new(decisionTree) },
		fit:        fitDecisionTree,
	},
	GBDT: {
		summary:    "Gradient boosted trees with early stopping: often the most accurate on tables of many rows.",
		cost:       50,
		parameters: gbdtParameters,
		weighs:     anyWeights,
		empty:      func() scorer { return new(gbdt) },
		fit:        fitGBDT,
	},
	RandomForest: {
		summary:    "A random forest of trees on bootstraps of the rows: good without tuning, large as an artifact.",
		cost:       100,
		autoRows:   200_000,
		parameters: randomForestParameters,
		weighs:     anyWeights,
		empty:      func() scorer { return new(randomForest) },
		fit:        fitRandomForest,
	},
}

// Schema returns the columns and classes that m was trained on. The caller must not change its slices and its map.
func (m *Model) Schema() dataset.Schema { return m.schema }

// Spec returns the resolved spec that m was trained with. The caller must not change its bytes.
func (m *Model) Spec() Spec { return m.spec }

// Predict classifies the row x, finite values in the order of Schema().Features. It fills probabilities, one per
// class in the order of Schema().Classes, adding up to 1, and returns the index of the most probable class, the lowest
// of equals. It doesn't allocate. Slices of another length are a mistake in the calling code, and it panics.
func (m *Model) Predict(x, probabilities []float64) int {
	if len(x) != len(m.schema.Features) || len(probabilities) != len(m.schema.Classes) {
		panic(fmt.Sprintf("model: Predict with %d values and room for %d probabilities, want %d and %d",
			len(x), len(probabilities), len(m.schema.Features), len(m.schema.Classes)))
	}
	m.scorer.score(x, probabilities)
	return mostProbable(probabilities)
}
