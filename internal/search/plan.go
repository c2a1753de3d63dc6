package search

import (
	"fmt"
	"slices"
	"strconv"

	"iris/model"
)

// Plan is the course of a search: rounds of trials, each planned from the scores of the round before. Whoever executes
// it runs the trials of Round, passes their results to Next, and repeats until Next returns false.
type Plan struct {
	base   model.Spec
	method Method
	metric Metric
	rungs  []int     // trials per round
	shares []float64 // of the rows for training, per round; nil for those of a halving
	round  int
	specs  []model.Spec // of the present round
	tried  int          // trials of the rounds before
	scored int          // trials of the first round that have a score
	ranked []Trial      // of the round before, best first
}

// Round is a set of trials that may run at the same time, all on the same rows.
type Round struct {
	Number int     // from 1
	Of     int     // rounds of the plan
	Share  float64 // of the rows for training
	Specs  []model.Spec
	Trials []Trial // one per spec, without a result
}

// Plan plans a resolved request. Base has the hyperparameters that the training's request gives; rows is the number of
// rows for training.
func (r Request) Plan(base model.Spec, rows, classes int) *Plan {
	planned := []int{*r.Budget}
	if r.Method == Halving {
		planned = rungs(*r.Budget, rows, classes)
	}
	specs := r.candidates(base, planned[0])
	return &Plan{
		base: base, method: r.Method, metric: r.Metric, specs: specs, rungs: rungsFrom(len(specs), len(planned)),
	}
}

// Rows for training that the rounds of PlanAuto use, at least. The first round tells which specs have no chance, and
// the second compares the others on enough rows to rank them. A table that is not twice as large as the first sample is
// tried whole.
const (
	autoFirstRows      = 3000
	autoSecondRows     = 10_000
	autoFinalists      = 3
	autoOlderFinalists = 2
)

// rounds returns how many rows each of the two rounds on samples uses. More classes need more rows.
func (s AutoSize) rounds() (first, second int) {
	first = max(autoFirstRows, minRowsOfClass*s.Classes)
	return first, max(autoSecondRows, keepOneIn*first)
}

// Samples reports whether PlanAuto tries specs on samples of the rows.
func (s AutoSize) Samples() bool {
	first, _ := s.rounds()
	return s.Train > 2*first
}

// finalists returns the number of trials of the second round.
func (s AutoSize) finalists() int {
	if s.Older {
		return autoOlderFinalists
	}
	return autoFinalists
}

// PlanAuto plans the trials of AutoMethod. It is one round on all rows for training, unless there are too many. Then it
// is two rounds on samples: all specs, and the best of them. If the limit of trials leaves no room for the second
// round, one round on its rows remains.
func PlanAuto(base model.Spec, specs []model.Spec, size AutoSize) *Plan {
	p := PlanSpecs(AutoMethod, base, specs)
	if !size.Samples() {
		return p
	}
	first, second := size.rounds()
	second = min(second, size.Train)
	shares := []float64{float64(first) / float64(size.Train), float64(second) / float64(size.Train)}
	switch {
	case size.Trials > 0 && len(specs)+size.finalists() > size.Trials:
		p.shares = shares[1:]
	case len(specs) > size.finalists():
		p.rungs, p.shares = []int{len(specs), size.finalists()}, shares
	}
	return p
}

// PlanSpecs plans one round that tries the specs by AutoMethod or ValidateMethod and compares them by log loss.
func PlanSpecs(method Method, base model.Spec, specs []model.Spec) *Plan {
	return &Plan{base: base, method: method, metric: LogLoss, specs: specs, rungs: []int{len(specs)}}
}

// Metric returns what the plan compares trials by.
func (p *Plan) Metric() Metric { return p.metric }

// Total returns the number of trials of all rounds. It drops when a round has fewer scores than the next has places.
func (p *Plan) Total() int { return sum(p.rungs) }

// Round returns the round to run.
func (p *Plan) Round() Round {
	prefix := "trial-"
	if len(p.rungs) > 1 {
		prefix = fmt.Sprintf("rung-%d-trial-", p.round+1)
	}
	r := Round{Number: p.round + 1, Of: len(p.rungs), Share: rungShare(p.round, len(p.rungs)), Specs: p.specs}
	if p.shares != nil {
		r.Share = p.shares[p.round]
	}
	for i, spec := range p.specs {
		r.Trials = append(r.Trials, Trial{
			Name: prefix + strconv.Itoa(i+1), Algorithm: spec.Algorithm, Hyperparameters: spec.Hyperparameters,
		})
	}
	return r
}

// Next takes the results of a round and plans the next round. At least one result must have a score. It returns
// false after the last.
func (p *Plan) Next(results []Trial) bool {
	p.ranked = Rank(results, p.metric)
	if p.round == 0 {
		p.scored = len(p.ranked)
	}
	p.tried += len(results)
	p.round++
	if p.round == len(p.rungs) {
		return false
	}
	p.specs = nil
	for _, t := range p.ranked[:min(len(p.ranked), p.rungs[p.round])] {
		p.specs = append(p.specs, t.Spec(p.base))
	}
	if p.shares != nil {
		p.rungs[p.round] = len(p.specs)
		return true
	}
	copy(p.rungs[p.round:], rungsFrom(len(p.specs), len(p.rungs)-p.round)) // fewer than planned if many trials failed
	return true
}

// Stop takes the results of a round that was cut short and ends the plan. A round counts if it is the first, or if the
// best trial of the round before has a score in it; else the round before decides.
func (p *Plan) Stop(results []Trial) {
	ranked := Rank(results, p.metric)
	if p.round == 0 {
		p.scored = len(ranked)
	} else if !slices.ContainsFunc(ranked, func(t Trial) bool { return t.sameSpec(p.ranked[0]) }) {
		ranked = p.ranked
	}
	for _, t := range results {
		if t.Score != nil || t.Error != "" {
			p.tried++
		}
	}
	p.ranked, p.round = ranked, len(p.rungs)
}

// Choose returns the trial whose spec is to be fitted, and the reason in words. Call it after the last round.
func (p *Plan) Choose() (Trial, string) {
	if p.method == AutoMethod {
		return cheapest(p.ranked, p.scored)
	}
	best := p.ranked[0]
	return best, fmt.Sprintf(
		"%s: %s %.4f ± %.4f, the best of %d trials",
		best.Name, p.metric, best.Score.Mean, best.Score.Std, p.tried,
	)
}
