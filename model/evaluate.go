package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"iris/internal/dataset"
)

// Metrics is how good a model is on a table. Every number is finite: a rate that would be 0/0 is 0.
type Metrics struct {
	Rows      int            `json:"rows"`
	Accuracy  float64        `json:"accuracy"`  // share of the rows predicted right
	LogLoss   float64        `json:"log_loss"`  // mean -ln of the actual class's probability, see minProbability
	ECE       float64        `json:"ece"`       // expected calibration error of the predicted class: how far its probability lies from how often it is right, see calibration.ece
	MacroF1   float64        `json:"macro_f1"`  // mean F1 of the classes that were seen or predicted, each counting the same
	Classes   []ClassMetrics `json:"classes"`   // in the order of the schema, absent ones included
	Confusion [][]int        `json:"confusion"` // rows by [actual][predicted] class
}

// ClassMetrics is how well one class is told from the others.
type ClassMetrics struct {
	Class     string  `json:"class"`
	Precision float64 `json:"precision"` // share of the rows predicted as the class that are of it; 0 when none was
	Recall    float64 `json:"recall"`    // share of the class's rows that were predicted as it; 0 when it has none
	F1        float64 `json:"f1"`        // harmonic mean of the two
	Support   int     `json:"support"`   // rows of the class
}

// minProbability is what log loss takes a smaller probability for: one sure mistake costs 34.5, not infinity.
const minProbability = 1e-15

// Evaluate measures m on t, which must have m's features and classes in m's order.
func Evaluate(m *Model, t *dataset.Table) (Metrics, error) {
	if !slices.Equal(t.Schema.Features, m.schema.Features) || !slices.Equal(t.Schema.Classes, m.schema.Classes) {
		return Metrics{}, errors.New("evaluate: the data has other features or classes than the model")
	}
	if err := checkShape(t); err != nil {
		return Metrics{}, fmt.Errorf("evaluate: %w", err)
	}
	classes := len(m.schema.Classes)
	predicted, p := make([]int, t.Rows()), make([]float64, classes)
	loss := 0.0
	var sure calibration
	for r, y := range t.Y {
		predicted[r] = m.Predict(t.Row(r), p)
		sure.add(p[predicted[r]], predicted[r] == y)
		loss -= math.Log(max(p[y], minProbability))
	}
	confusion, err := confusionMatrix(t.Y, predicted, classes)
	if err != nil {
		return Metrics{}, fmt.Errorf("evaluate: %w", err)
	}
	metrics := rates(m.schema.Classes, confusion)
	metrics.LogLoss, metrics.ECE = loss/float64(t.Rows()), sure.ece()
	return metrics, nil
}

// rates computes from a confusion matrix all that follows from it. golearn's functions for them answer NaN for a
// class that is absent, and the NaN spreads to their means.
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

// share is part/whole, 0 when whole is.
func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Summary returns the metrics of the whole under the names they have in MLflow.
func (m Metrics) Summary() map[string]float64 {
	return map[string]float64{"accuracy": m.Accuracy, "ece": m.ECE, "log_loss": m.LogLoss, "macro_f1": m.MacroF1}
}

// Flat returns Summary and, for each class, precision/<class> and recall/<class>, with what MLflow refuses in a name
// replaced.
func (m Metrics) Flat() map[string]float64 {
	flat := m.Summary()
	for k, c := range m.Classes {
		name := metricName(c.Class)
		if _, taken := flat["recall/"+name]; taken {
			name += "_" + strconv.Itoa(k) // two classes that differ only in what was replaced
		}
		flat["precision/"+name], flat["recall/"+name] = c.Precision, c.Recall
	}
	return flat
}

// metricName makes a class a legal last segment of an MLflow metric name: letters, digits, _, -, ., : and spaces, no
// slash, not only dots (MLflow reads the name as a path that must be in its shortest form), and within its 250
// characters together with what stands before and behind it.
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
