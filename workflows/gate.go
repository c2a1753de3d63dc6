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
}

// Decision is the outcome of the gate.
type Decision string

// The outcomes of the gate.
const (
	Promoted      Decision = "promoted"       // the version becomes the champion
	Kept          Decision = "kept"           // the champion is better and stays
	NeedsApproval Decision = "needs_approval" // the two cannot be compared: promote explicitly, or leave it
)

// Decide compares a candidate with the champion on rows that neither was trained on: not worse is promoted. Where there
// is nothing fair to compare, it decides nothing and says what it would take.
func Decide(c activities.Comparison) Gate {
	g := Gate{Comparison: c}
	switch {
	case c.Champion == "":
		g.Decision, g.Reason = Promoted, "the model had no champion"
	case !c.Comparable:
		g.Decision = NeedsApproval
		g.Reason = fmt.Sprintf("not comparable with champion %s: %s; promote it explicitly to use it", c.Champion, c.Why)
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
