package workflows_test

import (
	"strings"
	"testing"

	"iris/activities"
	"iris/workflows"
)

func TestDecide(t *testing.T) {
	tests := map[string]struct {
		in     activities.Comparison
		want   workflows.Decision
		reason string
	}{
		"no champion":    {activities.Comparison{}, workflows.Promoted, "no champion"},
		"better":         {activities.Comparison{Champion: "1", Comparable: true, Rows: 9, CandidateAccuracy: 0.9, ChampionAccuracy: 0.8}, workflows.Promoted, "0.9000 is not worse than the 0.8000 of champion 1 on 9 rows"},
		"equal":          {activities.Comparison{Champion: "1", Comparable: true, Rows: 9, CandidateAccuracy: 0.8, ChampionAccuracy: 0.8}, workflows.Promoted, "not worse"},
		"worse":          {activities.Comparison{Champion: "1", Comparable: true, Rows: 9, CandidateAccuracy: 0.7, ChampionAccuracy: 0.8}, workflows.Kept, "0.7000 is worse than the 0.8000"},
		"not comparable": {activities.Comparison{Champion: "1", Why: "its classes are others"}, workflows.NeedsApproval, "its classes are others"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := workflows.Decide(test.in)
			if got.Decision != test.want || !strings.Contains(got.Reason, test.reason) || got.Comparison != test.in {
				t.Errorf("Decide(%+v) = %+v, want %s because %q", test.in, got, test.want, test.reason)
			}
		})
	}
}
