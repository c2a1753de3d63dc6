// Package model is the machine learning of Iris. A Spec describes what to train, Train learns a Model from a table,
// Evaluate measures it, Predict classifies rows, and Encode and Decode store it. The package does no I/O: it does not
// know files, networks or the registry of models.
package model

import (
	"context"
	"fmt"

	"iris/internal/dataset"
	"iris/model/internal/design"
	"iris/model/internal/onnx"
)

// Model is a trained classifier. It never changes, so any number of goroutines may use it.
type Model struct {
	schema dataset.Schema
	spec   Spec
	design *design.Design // nil if the schema is plain: the inputs of scorer are then the features
	scorer scorer
	// decision turns the probabilities of scorer into a label.
	decision decider
}

// scorer is what a family learned. Each family has its own type, and its JSON form is part of the artifact.
type scorer interface {
	// prepare checks everything that score relies on and derives what the JSON form omits. It runs once before the first
	// score, both after a fit and after a decode. The features are those that the fit saw.
	prepare(features, classes int) error
	// score sets p, one value per class, to the probabilities of the row x. It does not allocate and changes only p.
	score(x, p []float64)
	// onnx adds score to g and returns the name of the probabilities, float64 [N, classes]. If ONNX cannot express score,
	// onnx calls g.Fail.
	onnx(g *onnx.Graph) string
}

// family describes an algorithm to the package. A new one is a file with its scorer, its fit and its ONNX form, and an
// entry in families.
type family struct {
	summary    string // a sentence for users
	cost       int    // see Spec.Cost
	autoRows   int    // the maximum number of rows for which Candidates includes the family; 0 sets no limit
	parameters []parameter
	presets    map[string]map[string]any // other defaults, by the value of the parameter "preset"
	// weighs returns why a fit with these hyperparameters cannot use the ClassWeight of a Spec, or "" if it can. It is nil
	// if no fit can.
	weighs func(values map[string]any) string
	// weighMembers replaces weighs in a family of members.
	weighMembers func(s Spec, values map[string]any) error
	mixed        design.Encoding // what fit and scorer see of a table that is not plain
	empty        func() scorer   // returns a scorer for Decode to fill; nil if compose is set
	// adapt replaces the values "auto" of hyperparameters by those for a table of that size. It is nil for a family
	// without such values.
	adapt func(values map[string]any, size Size) bool
	// check returns a *SpecError if a resolved Spec does not suit a table with the schema. It may be nil.
	check func(*dataset.Schema, Spec) error
	// settle returns a resolved Spec, with these values, with what adapt and the table say. It is nil if adapt is.
	settle func(ctx context.Context, t *dataset.Table, s Spec, values map[string]any) (Spec, error)
	// fit learns from the table as a resolved Spec specifies. The seed of the Spec determines every random choice. All
	// values of the table are numbers, and none is missing; Table.Codes says which ones are codes.
	fit func(context.Context, *dataset.Table, Spec, func(Progress)) (scorer, error)
	// compose replaces design, settle and fit in a family whose members are whole models.
	compose func(context.Context, *dataset.Table, Spec, func(Progress)) (Spec, *ensemble, error)
}

var families = map[Algorithm]family{
	LogisticRegression: {
		summary: "Multinomial logistic regression on standardised features, fitted by L-BFGS. " +
			"It is fast, and its probabilities can be trusted.",
		cost:       1,
		parameters: logisticRegressionParameters,
		weighs:     anyWeights,
		empty:      func() scorer { return new(logisticRegression) },
		fit:        fitLogisticRegression,
	},
	GaussianNB: {
		summary: "Gaussian naive Bayes: within a class, every feature is normal and independent of the others. " +
			"It is the fastest to fit, and its probabilities are often overconfident.",
		cost:       2,
		parameters: gaussianNBParameters,
		weighs:     gaussianNBWeighs,
		mixed:      design.AsLikelihoods,
		empty:      func() scorer { return new(gaussianNB) },
		fit:        fitGaussianNB,
	},
	KNN: {
		summary: "The k nearest training rows by Euclidean distance vote. " +
			"It needs no fit, but the artifact holds all rows, and every prediction searches them.",
		cost:       200,
		parameters: knnParameters,
		empty:      func() scorer { return new(knn) },
		fit:        fitKNN,
	},
	MLP: {
		summary: "A multilayer perceptron trained by Adam, with dropout and early stopping. " +
			"It learns curved boundaries and takes longer to fit.",
		cost:       20,
		autoRows:   100_000,
		parameters: mlpParameters,
		presets:    mlpPresets,
		weighs:     anyWeights,
		empty:      func() scorer { return new(mlp) },
		fit:        fitMLP,
	},
	DecisionTree: {
		summary:    "A single CART decision tree. It is easy to explain and seldom the most accurate.",
		cost:       2,
		parameters: decisionTreeParameters,
		weighs:     decisionTreeWeighs,
		mixed:      design.AsSplits,
		empty:      func() scorer { return new(decisionTree) },
		fit:        fitDecisionTree,
	},
	GBDT: {
		summary:    "Gradient boosted trees with early stopping. They are often the most accurate on tables of many rows.",
		cost:       50,
		parameters: gbdtParameters,
		weighs:     anyWeights,
		mixed:      design.AsSplits,
		empty:      func() scorer { return new(gbdt) },
		check:      checkGBDT,
		adapt:      adaptGBDT,
		settle:     settleGBDT,
		fit:        fitGBDT,
	},
	RandomForest: {
		summary:    "A random forest of trees on bootstraps of the rows. It is good without tuning and large as an artifact.",
		cost:       100,
		autoRows:   200_000,
		parameters: randomForestParameters,
		weighs:     anyWeights,
		mixed:      design.AsSplits,
		empty:      func() scorer { return new(randomForest) },
		fit:        fitRandomForest,
	},
}

// Schema returns the columns and classes that m was trained on. The caller must not change its slices and its map.
func (m *Model) Schema() dataset.Schema { return m.schema }

// Spec returns the resolved spec that m was trained with. The caller must not change its bytes.
func (m *Model) Spec() Spec { return m.spec }

// Predict classifies the row x, values as those of a dataset.Table of Schema(), which are finite or, in a column that
// may be missing, NaN. It sets probabilities, one per class in the order of Schema().Classes, and their sum is 1. It
// returns the index of the class that Decision calls, or else of the most probable class, the lowest of equals. It does
// not allocate. It panics if a slice has the wrong length.
func (m *Model) Predict(x, probabilities []float64) int {
	if len(x) != m.width() || len(probabilities) != len(m.schema.Classes) {
		panic(fmt.Sprintf("model: Predict with %d values and room for %d probabilities, want %d and %d",
			len(x), len(probabilities), m.width(), len(m.schema.Classes)))
	}
	m.score(x, probabilities)
	return m.decision.label(probabilities)
}

// score sets p to the probabilities of the row x.
func (m *Model) score(x, p []float64) {
	if m.design != nil {
		inputs := m.design.Scratch()
		m.design.Encode(x, *inputs)
		m.scorer.score(*inputs, p)
		m.design.Release(inputs)
		return
	}
	m.scorer.score(x, p)
}

// inputs returns the number of inputs of the scorer.
func (m *Model) inputs() int {
	if m.design != nil {
		return m.design.Inputs()
	}
	return len(m.schema.Features)
}

// width returns the number of values in a row.
func (m *Model) width() int {
	if m.design != nil {
		return m.design.Width()
	}
	return m.schema.Width()
}

// PredictRows is Predict for len(labels) rows, with the same results to the bit. x holds the values of the rows, row by
// row. PredictRows sets labels to the index of the class of each row, and probabilities to those of each row, row by
// row. It does not allocate. It panics if the lengths of the slices do not match.
func (m *Model) PredictRows(x []float64, labels []int, probabilities []float64) {
	rows, width, classes := len(labels), m.width(), len(m.schema.Classes)
	if len(x) != rows*width || len(probabilities) != rows*classes {
		panic(fmt.Sprintf("model: PredictRows of %d rows with %d values and room for %d probabilities, want %d and %d",
			rows, len(x), len(probabilities), rows*width, rows*classes))
	}
	for r := range labels {
		p := probabilities[r*classes : (r+1)*classes]
		m.score(x[r*width:(r+1)*width], p)
		labels[r] = m.decision.label(p)
	}
}

// mostProbable returns the index of the highest probability, the lowest of equals.
func mostProbable(p []float64) int {
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return best
}
