package workflows

import (
	"fmt"
	"strings"

	"iris/activities"
	"iris/model"
)

// Gate is the decision whether a new version becomes the champion, with its grounds.
type Gate struct {
	Decision   Decision              `json:"decision"`
	Reason     string                `json:"reason"`
	Comparison activities.Comparison `json:"comparison"`
	Approval   *Approval             `json:"approval,omitempty"` // the verdict, if a person had to decide
}

// Decision is the outcome of the gate.
type Decision string

// The outcomes of the gate.
const (
	Promoted      Decision = "promoted"             // the version becomes the champion
	Kept          Decision = "kept"                 // the version is not good enough: the champion, if any, stays
	NeedsApproval Decision = "needs_approval"       // the two cannot be compared: promote explicitly, or leave it
	Waiting       Decision = "waiting_for_approval" // a training with promote=manual waits for a verdict
	Rejected      Decision = "rejected"             // a person rejected the version, or nobody decided in time
	Withheld      Decision = "withheld"             // a training with promote=never; the version was good enough
)

// slack is how much of an accuracy may be rounding error. One row of a billion is more.
const slack = 1e-12

// Decide decides whether a version becomes the champion. Its metrics must satisfy the rules, and on rows that neither
// was trained on it must not be worse than the champion by more than the tolerances, in log loss and in accuracy, or
// instead of accuracy in the metric that chose its threshold. The reason reports how certain the difference in accuracy
// is (McNemar's p), but the decision does not depend on it. If a fair comparison is impossible, the decision is
// NeedsApproval.
func Decide(rules GateRules, metrics map[string]float64, c activities.Comparison) Gate {
	g := Gate{Comparison: c}
	missed := rules.misses(metrics)
	switch {
	case len(missed) > 0:
		g.Decision, g.Reason = Kept, strings.Join(missed, "; ")
	case c.Champion == "":
		g.Decision, g.Reason = Promoted, "the model had no champion"
	case !c.Comparable:
		g.Decision, g.Reason = NeedsApproval, fmt.Sprintf("not comparable with champion %s: %s", c.Champion, c.Why)
	case worse(rules, c):
		g.Decision, g.Reason = Kept, explain(rules, c, "is worse than")
	case c.CandidateLogLoss > c.ChampionLogLoss+rules.logLossTolerance()+slack:
		g.Decision, g.Reason = Kept, fmt.Sprintf(
			"log loss %.4f is worse than the %.4f of champion %s by more than %v, though %s",
			c.CandidateLogLoss,
			c.ChampionLogLoss,
			c.Champion,
			rules.logLossTolerance(),
			explain(rules, c, "is not worse than"),
		)
	default:
		g.Decision, g.Reason = Promoted, explain(rules, c, "is not worse than")
	}
	return g
}

// worse reports whether the labels of the candidate are worse than those of the champion by more than the tolerance.
func worse(rules GateRules, c activities.Comparison) bool {
	switch c.Metric {
	case "":
		return c.CandidateAccuracy < c.ChampionAccuracy-rules.Tolerance-slack
	case model.CostThreshold:
		return c.CandidateValue > c.ChampionValue+rules.Tolerance+slack
	}
	return c.CandidateValue < c.ChampionValue-rules.Tolerance-slack
}

// explain describes a comparison in words.
func explain(rules GateRules, c activities.Comparison, verdict string) string {
	tolerance := ""
	if rules.Tolerance > 0 {
		tolerance = fmt.Sprintf(" by more than %v", rules.Tolerance)
	}
	metric, candidate, champion := "accuracy", c.CandidateAccuracy, c.ChampionAccuracy
	if c.Metric != "" {
		metric, candidate, champion = string(c.Metric), c.CandidateValue, c.ChampionValue
	}
	return fmt.Sprintf(
		"%s %.4f %s the %.4f of champion %s%s on %d rows neither was trained on"+
			" (only it got %d right, only the champion %d: McNemar p = %.2g)",
		metric,
		candidate,
		verdict,
		champion,
		c.Champion,
		tolerance,
		c.Rows,
		c.OnlyCandidateRight,
		c.OnlyChampionRight,
		c.PValue,
	)
}

// applyPolicy returns the decision under a policy. No policy promotes a version that is not good enough.
func (g Gate) applyPolicy(policy PromotePolicy) Gate {
	switch {
	case g.Decision == Kept:
	case policy == PromoteNever:
		g.Decision, g.Reason = Withheld, "promotion was not requested; "+g.Reason
	case policy == PromoteManual:
		g.Decision = Waiting
	case g.Decision == NeedsApproval:
		g.Reason += "; promote it explicitly to use it"
	}
	return g
}

// applyApproval returns the decision after the wait for a verdict. Nil means that nobody decided in time.
func (g Gate) applyApproval(a *Approval) Gate {
	g.Approval = a
	switch {
	case a == nil:
		g.Decision, g.Reason = Rejected, fmt.Sprintf(
			"nobody approved it within %d days; %s",
			int(ApprovalTimeout.Hours()/24),
			g.Reason,
		)
	case a.Approved:
		g.Decision, g.Reason = Promoted, fmt.Sprintf("approved by %s: %s; %s", a.Name, a.Reason, g.Reason)
	default:
		g.Decision, g.Reason = Rejected, fmt.Sprintf("rejected by %s: %s; %s", a.Name, a.Reason, g.Reason)
	}
	return g
}
