package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"iris/model"
)

// MaxPicks is the maximum number of picks of an ensemble. A trial may be picked several times.
const MaxPicks = model.MaxMembers

// Predicted is a trial with its out-of-fold predictions, as model.HeldOut has them. All trials of a call of Combine
// have the same rows in the same folds.
type Predicted struct {
	Trial Trial
	P     []float32 // [rows, classes]; NaN in rows that no fit held out
	Fold  []uint8   // per row
}

// Combined is what Combine found best.
type Combined struct {
	// Spec is that of Trial, or an ensemble: of several trials, or of Trial alone with a temperature.
	Spec  model.Spec `json:"spec"`
	Trial Trial      `json:"trial"`           // the best single one, also if an ensemble is better
	Picks []Pick     `json:"picks,omitempty"` // the members of the ensemble; nil if Trial alone is as good
	// Temperature divides the logarithms of the probabilities; 1 changes nothing.
	Temperature float64 `json:"temperature"`
	// Ensemble compares the ensemble with Trial in the metric of the search, and Calibration the temperature with none in
	// log loss. Both are measured on rows that had no part in the choice.
	Ensemble    Gain   `json:"ensemble"`
	Calibration Gain   `json:"calibration"`
	Reason      string `json:"reason"` // in words
}

// Pick is a member of an ensemble.
type Pick struct {
	Name      string          `json:"name"` // of the trial
	Algorithm model.Algorithm `json:"algorithm"`
	Times     int             `json:"times"` // it was picked; its weight
}

// Gain compares two predictors fold by fold.
type Gain struct {
	Before float64 `json:"before"` // mean over the folds
	After  float64 `json:"after"`
	Error  float64 `json:"error"` // standard error of the mean difference
	Taken  bool    `json:"taken"` // After is better by more than Error
}

// Combine chooses between the best single trial and an ensemble of several, by predictions for rows that the trials did
// not train on, whose classes are labels. An ensemble that was chosen on the same rows as it is measured on would look
// better than it is. So Combine chooses on the rows outside a fold, measures on the fold, and takes the ensemble only
// if it is better by more than one standard error of the difference per fold. A temperature is taken by the same rule.
//
// The members are picked greedily and with replacement, so that the log loss of their mean falls most with each pick
// (Caruana et al., "Ensemble selection from libraries of models", ICML 2004). Other metrics move in steps that a pick
// seldom reaches, so they decide about the ensemble, and not about each pick.
//
// Base supplies what the trials share, as for Trial.Spec. Of one trial, only the temperature is in question. Trials
// without a score have no part. The result depends on the arguments alone.
func Combine(trials []Predicted, labels []int, classes int, metric Metric, base model.Spec) (Combined, error) {
	s, err := newSelection(trials, labels, classes, metric)
	if err != nil {
		return Combined{}, fmt.Errorf("combine trials: %w", err)
	}
	best := s.trials[s.best].Trial
	c := Combined{Spec: best.Spec(base), Trial: best, Temperature: 1}
	if len(s.folds) < 2 {
		c.Reason = best.Name + ": too few rows to compare it with an ensemble"
		return c, nil
	}
	picks, err := s.ensemble(&c)
	if err != nil {
		return Combined{}, fmt.Errorf("combine trials: %w", err)
	}
	s.calibrate(&c, picks)
	c.Reason = c.reason(metric)
	if c.Picks == nil && c.Temperature == 1 {
		return c, nil
	}
	c.Spec, err = s.spec(picks.all, c.Temperature, base)
	return c, err
}

// selection chooses among predicted trials.
type selection struct {
	trials  []Predicted
	y       []int
	classes int
	metric  Metric
	best    int     // the single trial with the best score
	folds   [][]int // the rows of each fold
	rows    []int   // those of all folds
}

// newSelection checks the arguments of Combine.
func newSelection(trials []Predicted, labels []int, classes int, metric Metric) (*selection, error) {
	s := &selection{y: labels, classes: classes, metric: metric}
	var scored []Trial
	for _, t := range trials {
		if t.Trial.Score == nil {
			continue
		}
		if len(t.Fold) != len(labels) || len(t.P) != len(labels)*classes {
			return nil, fmt.Errorf("%s has %d folds and %d probabilities for %d rows of %d classes",
				t.Trial.Name, len(t.Fold), len(t.P), len(labels), classes)
		}
		if len(s.trials) > 0 && !slices.Equal(t.Fold, s.trials[0].Fold) {
			return nil, fmt.Errorf("%s and %s have different folds", s.trials[0].Trial.Name, t.Trial.Name)
		}
		s.trials, scored = append(s.trials, t), append(scored, t.Trial)
	}
	if len(s.trials) == 0 {
		return nil, errors.New("no trial has a score")
	}
	if slices.ContainsFunc(labels, func(y int) bool { return y < 0 || y >= classes }) {
		return nil, fmt.Errorf("a label is not one of %d classes", classes)
	}
	best := Rank(scored, metric)[0].Name
	s.best = slices.IndexFunc(s.trials, func(t Predicted) bool { return t.Trial.Name == best })
	byFold := map[uint8][]int{}
	for r, fold := range s.trials[0].Fold {
		if s.predicted(r) {
			byFold[fold] = append(byFold[fold], r)
			s.rows = append(s.rows, r)
		}
	}
	for fold := range 256 {
		if rows := byFold[uint8(fold)]; len(rows) > 0 {
			s.folds = append(s.folds, rows)
		}
	}
	return s, nil
}

// predicted reports whether every trial has probabilities for a row.
func (s *selection) predicted(row int) bool {
	return !slices.ContainsFunc(s.trials, func(t Predicted) bool { p := t.P[row*s.classes]; return p != p })
}

// outside returns the rows of all folds but one.
func (s *selection) outside(fold int) (rows []int) {
	for i, f := range s.folds {
		if i != fold {
			rows = append(rows, f...)
		}
	}
	return rows
}

// picked is how often each trial is picked: for each fold by the rows outside it, and by all rows.
type picked struct {
	outside [][]int
	all     []int
}

// single returns the picks of a single trial.
func (s *selection) single() picked {
	one := make([]int, len(s.trials))
	one[s.best] = 1
	p := picked{all: one}
	for range s.folds {
		p.outside = append(p.outside, one)
	}
	return p
}

// ensemble picks an ensemble, compares it with the best single trial and returns the picks of the better one.
func (s *selection) ensemble(c *Combined) (picked, error) {
	single := s.single()
	p := picked{all: s.greedy(s.rows)}
	members := 0
	for _, times := range p.all {
		members += min(times, 1)
	}
	if members < 2 {
		return single, nil
	}
	var before, after []float64
	for i, fold := range s.folds {
		p.outside = append(p.outside, s.greedy(s.outside(i)))
		alone, err := s.score(s.mix(single.all, fold), fold)
		if err != nil {
			return picked{}, err
		}
		together, err := s.score(s.mix(p.outside[i], fold), fold)
		if err != nil {
			return picked{}, err
		}
		before, after = append(before, alone), append(after, together)
	}
	if c.Ensemble = compare(before, after, s.metric); !c.Ensemble.Taken {
		return single, nil
	}
	for i, times := range p.all {
		if t := s.trials[i].Trial; times > 0 {
			c.Picks = append(c.Picks, Pick{Name: t.Name, Algorithm: t.Algorithm, Times: times})
		}
	}
	return p, nil
}

// score returns the metric of probabilities of rows.
func (s *selection) score(p []float64, rows []int) (float64, error) {
	metrics, err := model.Measure(p, s.labels(rows), s.classes)
	return metrics[string(s.metric)], err
}

func (s *selection) labels(rows []int) []int {
	y := make([]int, len(rows))
	for i, r := range rows {
		y[i] = s.y[r]
	}
	return y
}

// mix returns the mean of the picked trials' probabilities of rows.
func (s *selection) mix(times []int, rows []int) []float64 {
	p := make([]float64, len(rows)*s.classes)
	for t, n := range times {
		if n == 0 {
			continue
		}
		share := float64(n) / float64(sum(times))
		for i, r := range rows {
			for k := range s.classes {
				p[i*s.classes+k] += share * float64(s.trials[t].P[r*s.classes+k])
			}
		}
	}
	return p
}

// greedy returns how often each trial is picked by the rows: first the best alone, then with each pick the trial whose
// addition lowers the log loss most. The result is the picks up to the lowest loss.
func (s *selection) greedy(rows []int) []int {
	own := make([][]float64, len(s.trials)) // of each trial: the probability of the actual class
	for t := range own {
		own[t] = make([]float64, len(rows))
		for i, r := range rows {
			own[t][i] = float64(s.trials[t].P[r*s.classes+s.y[r]])
		}
	}
	total := make([]float64, len(rows))
	times, best := make([]int, len(own)), make([]int, len(own))
	lowest := math.Inf(1)
	for picks := 1; picks <= MaxPicks; picks++ {
		pick, loss := -1, math.Inf(1)
		for t, p := range own {
			if l := lossWith(total, p, float64(picks)); l < loss {
				pick, loss = t, l
			}
		}
		for i, p := range own[pick] {
			total[i] += p
		}
		times[pick]++
		if loss < lowest {
			lowest = loss
			copy(best, times)
		}
	}
	return best
}

// lossWith returns the mean log loss of (total+p)/picks.
func lossWith(total, p []float64, picks float64) float64 {
	loss := 0.0
	for i, v := range total {
		loss -= math.Log(max((v+p[i])/picks, model.MinProbability))
	}
	return loss / float64(len(total))
}

// compare compares the values of a metric before and after a change, fold by fold.
func compare(before, after []float64, metric Metric) Gain {
	n := float64(len(before))
	g := Gain{}
	for i := range before {
		g.Before += before[i] / n
		g.After += after[i] / n
	}
	mean, squares := g.After-g.Before, 0.0
	for i := range before {
		d := after[i] - before[i] - mean
		squares += d * d
	}
	g.Error = math.Sqrt(squares / max(n-1, 1) / n)
	const rounding = 1e-9
	g.Taken = metric.better(g.After, g.Before) && math.Abs(mean) > g.Error+rounding
	return g
}

// spec returns an ensemble. Equal specs become one member.
func (s *selection) spec(times []int, temperature float64, base model.Spec) (model.Spec, error) {
	type member struct {
		Algorithm       model.Algorithm `json:"algorithm"`
		Hyperparameters json.RawMessage `json:"hyperparameters"`
		Weight          int             `json:"weight"`
	}
	var members []member
	for i, n := range times {
		t := s.trials[i].Trial
		if n == 0 {
			continue
		}
		same := slices.IndexFunc(members, func(m member) bool {
			return m.Algorithm == t.Algorithm && string(m.Hyperparameters) == string(t.Hyperparameters)
		})
		if same >= 0 {
			members[same].Weight += n
			continue
		}
		members = append(members, member{t.Algorithm, t.Hyperparameters, n})
	}
	h, err := json.Marshal(map[string]any{"members": members, "temperature": temperature})
	if err != nil {
		return model.Spec{}, fmt.Errorf("combine trials: %w", err)
	}
	base.Algorithm, base.Hyperparameters = model.Ensemble, h
	return base.Resolve()
}

// reason says what was chosen and why.
func (c *Combined) reason(metric Metric) string {
	var b strings.Builder
	switch {
	case c.Picks != nil:
		parts := make([]string, len(c.Picks))
		for i, p := range c.Picks {
			parts[i] = fmt.Sprintf("%d × %s (%s)", p.Times, p.Name, p.Algorithm)
		}
		fmt.Fprintf(&b, "an ensemble of %s: %s %.4f on rows that had no part in its choice, and %.4f of %s alone; "+
			"the difference is more than its standard error, %.4f",
			strings.Join(parts, ", "), metric, c.Ensemble.After, c.Ensemble.Before, c.Trial.Name, c.Ensemble.Error)
	case c.Ensemble != Gain{}:
		fmt.Fprintf(&b, "%s (%s) alone: %s %.4f, and %.4f of an ensemble on rows that had no part in its choice, "+
			"with a standard error of the difference of %.4f",
			c.Trial.Name, c.Trial.Algorithm, metric, c.Ensemble.Before, c.Ensemble.After, c.Ensemble.Error)
	default:
		fmt.Fprintf(&b, "%s (%s) alone: no other trial lowers its log loss", c.Trial.Name, c.Trial.Algorithm)
	}
	if c.Temperature != 1 {
		fmt.Fprintf(&b, "; a temperature of %v lowers the log loss from %.4f to %.4f", c.Temperature,
			c.Calibration.Before, c.Calibration.After)
	}
	return b.String()
}
