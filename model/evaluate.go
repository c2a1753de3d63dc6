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
	Rows     int     `json:"rows"`
	Accuracy float64 `json:"accuracy"` // share of the rows whose label is right
	LogLoss  float64 `json:"log_loss"` // mean -ln p, where p >= 1e-15 is the probability of the actual class
	ECE      float64 `json:"ece"`      // expected calibration error of the most probable class, in ten bins; 0 to 1
	MacroF1  float64 `json:"macro_f1"` // unweighted mean F1 of the classes that are actual or predicted somewhere
	// AUC and AveragePrecision are unweighted means over the classes, each against the others. With two classes, AUC is
	// the usual one.
	AUC              float64 `json:"auc"`
	AveragePrecision float64 `json:"average_precision"`
	BalancedAccuracy float64 `json:"balanced_accuracy"` // unweighted mean recall of the classes that have rows
	MCC              float64 `json:"mcc"`               // Matthews correlation coefficient, -1 to 1
	// Brier is the mean squared error of the probabilities: of the second class if there are two, else summed over the
	// classes, 0 to 2.
	Brier float64 `json:"brier"`
	// Intervals holds those of accuracy, log_loss and auc. Only EvaluateWithIntervals sets it.
	Intervals map[string]Interval `json:"intervals,omitempty"`
	Classes   []ClassMetrics      `json:"classes"`   // in the order of the schema, including classes without rows
	Confusion [][]int             `json:"confusion"` // number of rows by [actual][predicted] class
}

// ClassMetrics measures how well a model separates one class from the others.
type ClassMetrics struct {
	Class     string  `json:"class"`
	Precision float64 `json:"precision"` // of the rows predicted as the class, the share that is of the class
	Recall    float64 `json:"recall"`    // of the rows of the class, the share that is predicted as the class
	F1        float64 `json:"f1"`        // harmonic mean of precision and recall
	Support   int     `json:"support"`   // rows of the class
}

// MinProbability is the lowest probability in a log loss: a certain mistake costs 34.5 instead of infinity.
const MinProbability = 1e-15

// fits reports whether t has the features and classes of m in the order of m, and the same codes of levels.
func (m *Model) fits(t *dataset.Table) bool {
	return t.Schema.SameColumns(&m.schema) && slices.Equal(t.Schema.Classes, m.schema.Classes)
}

// Evaluate measures m on t. It returns ErrUnlearnable if t has no rows, and ErrDefect unless t has the features and
// classes of m in the same order.
func Evaluate(m *Model, t *dataset.Table) (Metrics, error) { return evaluateKeeping(m, t, nil) }

// evaluateKeeping is Evaluate, and calls keep, unless that is nil, with the probabilities of each row. They are valid
// until it returns.
func evaluateKeeping(m *Model, t *dataset.Table, keep func(r int, p []float64)) (Metrics, error) {
	metrics, s, err := evaluate(m, t, true, keep)
	if err == nil {
		metrics.AUC, metrics.AveragePrecision = s.areas()
	}
	return metrics, err
}

// EvaluateUnranked is Evaluate without AUC and AveragePrecision, for which the rows have to be sorted.
func EvaluateUnranked(m *Model, t *dataset.Table) (Metrics, error) {
	metrics, _, err := evaluate(m, t, false, nil)
	return metrics, err
}

// EvaluateWithIntervals is Evaluate with the intervals of accuracy, log loss and AUC.
func EvaluateWithIntervals(m *Model, t *dataset.Table) (Metrics, error) {
	metrics, s, err := evaluate(m, t, true, nil)
	if err == nil {
		metrics.AUC, metrics.AveragePrecision = s.areas()
		metrics.Intervals = s.bootstrap(t.Rows(), metrics, m.decision)
	}
	return metrics, err
}

// evaluate measures m on t, and keeps the probabilities of the rows if they are to be ranked. keep is that of
// evaluateKeeping.
func evaluate(
	m *Model, t *dataset.Table, rank bool, keep func(r int, p []float64),
) (Metrics, *probabilities, error) {
	if !m.fits(t) {
		return Metrics{}, nil, fmt.Errorf("evaluate: %w: the data has other features or classes than the model", ErrDefect)
	}
	if err := checkShape(t); err != nil {
		return Metrics{}, nil, fmt.Errorf("evaluate: %w: %w", ErrUnlearnable, err)
	}
	return measure(m.schema.Classes, t.Y, rank, func(r int, p []float64) int {
		label := m.Predict(t.Row(r), p)
		if keep != nil {
			keep(r, p)
		}
		return label
	})
}

// measure measures the predictions for rows of the classes y. For the row r, predict sets p to the probabilities and
// returns the predicted class. If the rows are to be ranked, measure keeps their probabilities.
func measure(
	classes []string, y []int, rank bool, predict func(r int, p []float64) int,
) (Metrics, *probabilities, error) {
	predicted, p := make([]int, len(y)), make([]float64, len(classes))
	loss, squares := 0.0, 0.0
	var calibrated calibration
	var s *probabilities
	step := 1
	if rank {
		s, step = ranked(len(y), len(classes))
	}
	for r, y := range y {
		predicted[r] = predict(r, p)
		likely := mostProbable(p)
		calibrated.add(p[likely], likely == y)
		loss -= math.Log(max(p[y], MinProbability))
		squares += squaredError(p, y)
		if rank && r%step == 0 {
			s.add(p, y)
		}
	}
	confusion, err := confusionMatrix(y, predicted, len(classes))
	if err != nil {
		return Metrics{}, nil, fmt.Errorf("evaluate: %w: %w", ErrDefect, err)
	}
	metrics := rates(classes, confusion)
	rows := float64(len(y))
	metrics.LogLoss, metrics.Brier, metrics.ECE = loss/rows, squares/rows, calibrated.ece()
	return metrics, s, nil
}

// squaredError returns the contribution of a row of class y to Brier.
func squaredError(p []float64, y int) (sum float64) {
	if len(p) == 2 {
		return (1 - p[y]) * (1 - p[y])
	}
	for k, v := range p {
		if k == y {
			v = 1 - v
		}
		sum += v * v
	}
	return sum
}

// rates returns the metrics that follow from a confusion matrix. The functions of golearn for them return NaN for an
// absent class, and so do their means.
func rates(classes []string, confusion [][]int) Metrics {
	m := Metrics{Classes: make([]ClassMetrics, len(classes)), Confusion: confusion}
	right, sumF1, present, recalls, supported := 0, 0.0, 0, 0.0, 0
	var supports, calls, both float64 // for MCC: sums of squares, and of products
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
		recalls += c.Recall
		if called+support > 0 {
			present++
		}
		if support > 0 {
			supported++
		}
		supports += float64(support) * float64(support)
		calls += float64(called) * float64(called)
		both += float64(support) * float64(called)
	}
	m.Accuracy = share(right, m.Rows)
	m.MacroF1 = sumF1 / float64(max(present, 1))
	m.BalancedAccuracy = recalls / float64(max(supported, 1))
	rows := float64(m.Rows)
	if scale := math.Sqrt((rows*rows - supports) * (rows*rows - calls)); scale > 0 {
		m.MCC = (float64(right)*rows - both) / scale
	}
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
	return map[string]float64{
		"accuracy": m.Accuracy, "auc": m.AUC, "average_precision": m.AveragePrecision,
		"balanced_accuracy": m.BalancedAccuracy, "brier": m.Brier, "ece": m.ECE, "log_loss": m.LogLoss,
		"macro_f1": m.MacroF1, "mcc": m.MCC,
	}
}

// LowerIsBetter reports whether a lower value of a metric of Summary is the better one.
func LowerIsBetter(metric string) bool {
	return metric == "log_loss" || metric == "ece" || metric == "brier"
}

// MetricNames returns the keys of Metrics.Summary, sorted.
func MetricNames() []string { return slices.Sorted(maps.Keys(Metrics{}.Summary())) }

// MetricRange returns the lowest and the highest value that a metric of Summary can have.
func MetricRange(metric string) (low, high float64) {
	switch metric {
	case "log_loss":
		return 0, math.Inf(1)
	case "brier":
		return 0, 2
	case "mcc":
		return -1, 1
	}
	return 0, 1
}

// Flat returns Summary, for each class precision/<class> and recall/<class>, and the ends of the intervals as
// <metric>_low and <metric>_high. Characters that MLflow does not accept in a name are replaced.
func (m Metrics) Flat() map[string]float64 {
	flat := m.Summary()
	for name, interval := range m.Intervals {
		flat[name+"_low"], flat[name+"_high"] = interval.Low, interval.High
	}
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
