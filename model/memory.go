package model

import (
	"encoding/json"
	"fmt"

	"iris/internal/dataset"
	"iris/model/internal/design"
	"iris/model/internal/tree"
)

// Size is what the memory of a fit depends on, beside its spec.
type Size struct {
	Rows       int // that the fit sees
	Features   int
	Classes    int
	Processors int // that share the work; each keeps its own histograms or rows
	// Inputs says how many inputs the features become; nil if the schema is plain.
	Inputs *Inputs
}

// Inputs says how many inputs the features of a mixed table become at most, by what a learner takes.
type Inputs struct {
	Numbers     int `json:"numbers"`
	Splits      int `json:"splits"`
	Likelihoods int `json:"likelihoods"`
	// Texts is the number of features that are free text, which have more than one value in a table.
	Texts int `json:"texts,omitempty"`
}

// InputsOf returns the Inputs of s, nil if it is plain.
func InputsOf(s dataset.Schema) *Inputs {
	if s.Plain() {
		return nil
	}
	return &Inputs{
		Numbers:     design.MaxInputs(&s, design.AsNumbers),
		Splits:      design.MaxInputs(&s, design.AsSplits),
		Likelihoods: design.MaxInputs(&s, design.AsLikelihoods),
		Texts:       s.Texts(),
	}
}

// of returns the number that learners of an algorithm see.
func (n *Inputs) of(a Algorithm) int {
	switch families[a].mixed {
	case design.AsSplits:
		return n.Splits
	case design.AsLikelihoods:
		return n.Likelihoods
	}
	return n.Numbers
}

// TableMemory returns the bytes of a table of that size.
func (s Size) TableMemory() int64 {
	width := s.Features
	if s.Inputs != nil {
		width += dataset.TextValues * s.Inputs.Texts
	}
	return int64(s.Rows) * int64(width+1) * 8
}

// FitMemory estimates the bytes that Train and Encode need for a table of that size, the table included. It counts what
// a usual fit needs: trees may grow larger on noise than on most data. It is the most that Encode needs too, so it
// suits TrainModel; ValidationMemory suits a cross-validation. If the spec does not resolve, the result is the size of
// the table.
func FitMemory(spec Spec, size Size) int64 {
	fit, encode := learnerMemory(spec, size)
	return size.TableMemory() + int64(max(fit, encode))
}

// ValidationMemory estimates the bytes that CrossValidate needs for a table of that size, the table included.
func ValidationMemory(spec Spec, size Size, folds int) int64 {
	part := size
	part.Rows = size.Rows - size.Rows/max(folds, 1)
	fit, _ := learnerMemory(spec, part)
	rows := int64(size.Rows) * foldRowBytes
	return 2*size.TableMemory() + rows + int64(fit) // the rows of all folds are copies of the table's
}

// Bytes that fits were measured to need; docs/decisions/0024-memory-of-a-fit.md has the numbers.
const (
	foldRowBytes = 170 // per row: the groups of equal rows

	knnFitCell, knnEncodeCell = 24, 60   // per cell: the rows of the model; and their text, eight bytes, three times
	weightBytes               = 400      // per weight of a logistic regression: the history of L-BFGS
	normalBytes               = 150      // per class and feature of a gaussian_nb
	binCell                   = 1        // per cell: its bin
	treeRowBytes              = 130      // per row: the growth and the counts of one tree
	boostRowRest              = 65       // per row of a gbdt, beside what each score has
	forestRowBytes            = 125      // per row and processor of a random forest
	forestTreeRow             = 20       // per row and tree: the nodes, and their text
	forestLeafBytes           = 50       // per leaf, if its number is limited
	mlpRowBytes               = 30       // per row: the order of the rows
	mlpFitWeight              = 32       // per weight: itself, its moments and the best one
	mlpPartWeight             = 8        // per weight and part of a batch: its gradient
	mlpEncodeWeight           = 85       // per weight: its text, three times
	histogramBytes            = 256 * 16 // per feature
	maxBagBytes               = maxBagCells * 8
)

// learnerMemory returns the bytes that a fit needs beside its table, and those that the model and its encoding need.
func learnerMemory(spec Spec, size Size) (fit, encode float64) {
	spec, values, err := spec.resolve()
	if err != nil {
		return 0, 0
	}
	if spec.Algorithm == Ensemble {
		return membersMemory(values["members"].(ensembleMembers), size)
	}
	if adapt := families[spec.Algorithm].adapt; adapt != nil {
		adapt(values, size)
	}
	h := memorySettings{}
	if b, err := json.Marshal(values); err != nil || json.Unmarshal(b, &h) != nil {
		return 0, 0
	}
	if size.Inputs != nil { // the learner has a table of its own
		own := size
		own.Features, own.Inputs = size.Inputs.of(spec.Algorithm), nil
		fit, encode = learnerMemory(spec, own)
		return fit + float64(own.TableMemory()), encode
	}
	rows, features, classes := float64(size.Rows), float64(size.Features), float64(size.Classes)
	cells := rows * features
	processors := float64(max(size.Processors, 1))
	switch spec.Algorithm {
	case LogisticRegression:
		return weightBytes * (features + 1) * classes, 0
	case GaussianNB:
		return normalBytes * features * classes, 0
	case KNN:
		return knnFitCell * cells, knnEncodeCell * cells
	case DecisionTree:
		return binCell*cells + treeRowBytes*rows, 0
	case GBDT:
		scores := float64(scores(size.Classes))
		growers := min(processors, scores)
		kept := min(histogramBytes*features*float64(h.NumLeaves), tree.MaxHistogramBytes) // by each grower
		return binCell*cells + (boostRowRest+boostRowBytes*scores)*rows +
			growers*(kept+processors*histogramBytes*features), 0
	case RandomForest:
		trees := float64(h.Trees) * min(forestTreeRow*rows, forestLeafBytes*h.leaves())
		return binCell*cells + processors*forestRowBytes*rows + min(8*rows*classes, maxBagBytes) + trees, 0
	case MLP:
		weights, inputs := 0.0, features
		for _, units := range append(h.HiddenLayers, size.Classes) {
			weights += (inputs + 1) * float64(units)
			inputs = float64(units)
		}
		parts := float64(min(maxParts, (h.BatchSize+partRows-1)/partRows))
		return mlpRowBytes*rows + weights*(mlpFitWeight+mlpPartWeight*parts), mlpRowBytes*rows + mlpEncodeWeight*weights
	}
	return 0, 0
}

// memorySettings holds the hyperparameters of all learners that decide how much memory a fit needs.
type memorySettings struct {
	NumLeaves    int   `json:"num_leaves"`
	Rounds       int   `json:"n_rounds"`
	Trees        int   `json:"n_trees"`
	MaxDepth     int   `json:"max_depth"`
	HiddenLayers []int `json:"hidden_layers"`
	BatchSize    int   `json:"batch_size"`
}

// leaves returns how many leaves the depth of a tree allows.
func (h memorySettings) leaves() float64 {
	if h.MaxDepth < 0 || h.MaxDepth > 40 {
		return 1 << 40 // more than there are rows
	}
	return float64(int64(1) << h.MaxDepth)
}

// String describes the size for a message.
func (s Size) String() string {
	return fmt.Sprintf("%d rows of %d columns and %d classes", s.Rows, s.Features, s.Classes)
}
