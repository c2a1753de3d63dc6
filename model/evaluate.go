package model

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"iris/internal/dataset"
)

// Metrics measures a model on a table. Every number is finite: a rate with a denominator of 0 is 0.
type Metrics struct {
	Rows      int            `json:"rows"`
	Accuracy  float64        `json:"accuracy"`  // share of the rows that are predicted right
	LogLoss   float64        `json:"log_loss"`  // mean -ln p, where p >= 1e-15 is the probability of the actual class
	ECE       float64        `json:"ece"`       // expected calibration error of the predicted class, in ten bins; 0 to 1
	MacroF1   float64        `json:"macro_f1"`  // unweighted mean F1 of the classes that are actual or predicted somewhere
	Classes   []ClassMetrics `json:"classes"`   // in the order of the schema, including classes without rows
	Confusion [][]int        `json:"confusion"` // number of rows by [actual][predicted] class
}

// ClassMetrics measures how well a model separates one class from the others.
type ClassMetrics struct {
	Class     string  `json:"class"`
	Precision float64 `json:"precision"` // of the rows predicted as the class, the share that is of the class
	Recall    float64 `json:"recall"`    // of the rows of the class, the share that is predicted as the class
	F1        float64 `json:"f1"`        // harmonic mean of precision and recall
	Support   int     `json:"support"`   // rows of the class
}

// minProbability is the lowest probability in a log loss: a certain mistake costs 34.5 instead of infinity.
const minProbability = 1e-15

// fits reports whether t has the features and classes of m in the order of m, and the same codes of levels.
func (m *Model) fits(t *dataset.Table) bool {
	return t.Schema.SameColumns(&m.schema) && slices.Equal(t.Schema.Classes, m.schema.Classes)
}

// Evaluate measures m on t. It returns ErrUnlearnable if t has no rows, and ErrDefect unless t has the features and
// classes of m in the same order.
func Evaluate(m *Model, t *dataset.Table) (Metrics, error) {
	if !m.fits(t) {
		return Metrics{}, fmt.Errorf("evaluate: %w: the data has other features or classes than the model", ErrDefect)
	}
	if err := checkShape(t); err != nil {
		return Metrics{}, fmt.Errorf("evaluate: %w: %w", ErrUnlearnable, err)
	}
	classes := len(m.schema.Classes)
	predicted, p := make([]int, t.Rows()), make([]float64, classes)
	loss := 0.0
	var calibrated calibration
	for r, y := range t.Y {
		predicted[r] = m.Predict(t.Row(r), p)
		calibrated.add(p[predicted[r]], predicted[r] == y)
		loss -= math.Log(max(p[y], minProbability))
	}
	confusion, err := confusionMatrix(t.Y, predicted, classes)
	if err != nil {
		return Metrics{}, fmt.Errorf("evaluate: %w: %w", ErrDefect, err)
	}
	metrics := rates(m.schema.Classes, confusion)
	metrics.LogLoss, metrics.ECE = loss/float64(t.Rows()), calibrated.ece()
	return metrics, nil
}

// rates returns the metrics that follow from a confusion matrix. The functions of golearn for them return NaN for an
// absent class, and so do their means.
func rates(classes []string, confusion [][]int) Metrics {
	m := Metrics{Classes: make([]ClassMetrics, len(classes)), Confusion: confusion}
	right, sumF1, present := 0, 0.0, 0
	for k, name := range classes {
		hit, support, called := confusion[k][k], 0, 0
		for j := range classes {
			support += confusion[k][j]
			called += confusion[j][k]
		}
		c := ClassMetrics{Class: name, Support: support, Precision: share(hit, called), Recall: share(hit, support)}
		c.F1 = share(2*hit, called+support)
		m.Classes[k] = c
		m.Rows += support
		right += hit
		sumF1 += c.F1
		if called+support > 0 {
			present++
		}
	}
	m.Accuracy = share(right, m.Rows)
	m.MacroF1 = sumF1 / float64(max(present, 1))
	return m
}

// share returns part/whole, or 0 if whole is 0.
func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Summary returns the metrics that are not per class, by their names in MLflow.
func (m Metrics) Summary() map[string]float64 {
	return map[string]float64{"accuracy": m.Accuracy, "ece": m.ECE, "log_loss": m.LogLoss, "macro_f1": m.MacroF1}
}

// MetricNames returns the keys of Metrics.Summary, sorted.
func MetricNames() []string { return slices.Sorted(maps.Keys(Metrics{}.Summary())) }

// Flat returns Summary and, for each class, precision/<class> and recall/<class>. Characters that MLflow does not
// accept in a name are replaced.
func (m Metrics) Flat() map[string]float64 {
	flat := m.Summary()
	for k, c := range m.Classes {
		name := metricName(c.Class)
		if _, taken := flat["recall/"+name]; taken {
			name += "_" + strconv.Itoa(k) // two classes differ only in replaced characters
		}
		flat["precision/"+name], flat["recall/"+name] = c.Precision, c.Recall
	}
	return flat
}

// metricName turns a class into a valid last segment of an MLflow metric name. Only letters, digits, _, -, ., : and
// spaces are valid. A segment of dots is not, because MLflow reads the name as a path in its shortest form. The limit
// keeps the whole name within the 250 characters of MLflow.
func metricName(class string) string {
	const limit = 200
	name := []rune(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.: ", r) {
			return r
		}
		return '_'
	}, class))
	if len(name) > limit {
		name = name[:limit]
	}
	if strings.Trim(string(name), ".") == "" {
		return strings.Repeat("_", max(len(name), 1))
	}
	return string(name)
}
