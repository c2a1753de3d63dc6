package workflows

import (
	"fmt"

	"iris/activities"
)

// Gate is the decision whether a new version becomes the champion, with what it was taken from.
type Gate struct {
	Decision   Decision              `json:"decision"`
	Reason     string                `json:"reason"`
	Comparison activities.Comparison `json:"comparison"`
	Approval   *Approval             `json:"approval,omitempty"` // what somebody decided, where it was left to somebody
}

// Decision is the outcome of the gate.
type Decision string

// The outcomes of the gate.
const (
	Promoted      Decision = "promoted"             // the version becomes the champion
	Kept          Decision = "kept"                 // the version is not good enough: the champion, if any, stays
	NeedsApproval Decision = "needs_approval"       // the two cannot be compared: promote explicitly, or leave it
	Waiting       Decision = "waiting_for_approval" // a training with promote manual waits for a verdict
	Rejected      Decision = "rejected"             // somebody said no, or nobody said anything in time
	Withheld      Decision = "withheld"             // a training with promote never; the gate would not have kept it
)

// Decide compares a candidate with the champion on rows that neither was trained on: not worse is promoted. Where there
// is nothing fair to compare, it decides nothing and says what it would take.
func Decide(c activities.Comparison) Gate {
	g := Gate{Comparison: c}
	switch {
	case c.Champion == "":
		g.Decision, g.Reason = Promoted, "the model had no champion"
	case !c.Comparable:
		g.Decision, g.Reason = NeedsApproval, fmt.Sprintf("not comparable with champion %s: %s", c.Champion, c.Why)
	case c.CandidateAccuracy >= c.ChampionAccuracy:
		g.Decision = Promoted
		g.Reason = fmt.Sprintf("accuracy %.4f is not worse than the %.4f of champion %s on %d rows neither was trained on",
			c.CandidateAccuracy, c.ChampionAccuracy, c.Champion, c.Rows)
	default:
		g.Decision = Kept
		g.Reason = fmt.Sprintf("accuracy %.4f is worse than the %.4f of champion %s on %d rows neither was trained on",
			c.CandidateAccuracy, c.ChampionAccuracy, c.Champion, c.Rows)
	}
	return g
}

// under is what becomes of a decision when promotion is not left to the gate alone. A version that is not good enough is
// not promoted by any policy.
func (g Gate) under(policy PromotePolicy) Gate {
	switch {
	case g.Decision == Kept:
	case policy == PromoteNever:
		g.Decision, g.Reason = Withheld, "promotion was not asked for; "+g.Reason
	case policy == PromoteManual:
		g.Decision = Waiting
	case g.Decision == NeedsApproval:
		g.Reason += "; promote it explicitly to use it"
	}
	return g
}

// after is what becomes of a version that waited for approval; nil is no verdict in time.
func (g Gate) after(a *Approval) Gate {
	g.Approval = a
	switch {
	case a == nil:
		g.Decision, g.Reason = Rejected, fmt.Sprintf("nobody approved it within %d days; %s", int(ApprovalTimeout.Hours()/24), g.Reason)
	case a.Approved:
		g.Decision, g.Reason = Promoted, fmt.Sprintf("approved by %s: %s; %s", a.Name, a.Reason, g.Reason)
	default:
		g.Decision, g.Reason = Rejected, fmt.Sprintf("rejected by %s: %s; %s", a.Name, a.Reason, g.Reason)
	}
	return g
}
