package chaos

import (
	"maps"
	"strings"
	"testing"
)

// undisturbedTask is what a training leaves.
func undisturbedTask() observation {
	return observation{
		State: "SUCCESS", Outcome: `{"version":"1"}`, Output: "ab12", Versions: 1, Champion: "1", Accepted: 1,
		Runs: map[string]int{"FINISHED": 1}, Logged: map[string]int{"LOGGED_MODEL_READY": 1}, History: []string{"→1"},
		Objects: map[string]int{"tasks/TASK.json": 1, "datasets/DATASET.csv": 1},
	}
}

func TestCompare(t *testing.T) {
	tests := map[string]struct {
		change                 func(*observation)
		lost, duplicated, left string // a part of the one finding; "" for none
	}{
		"undisturbed": {change: func(*observation) {}},
		"failed": {
			change: func(o *observation) { o.State, o.Outcome, o.Output, o.Error = "FAILURE", "", "", "no disk" },
			lost:   "ended as FAILURE, want SUCCESS no disk",
		},
		"no answer":     {change: func(o *observation) { o.State = "" }, lost: "ended as unknown"},
		"404":           {change: func(o *observation) { o.NotFound = 2 }, lost: "404 2 times"},
		"other metrics": {change: func(o *observation) { o.Outcome = "{}" }, lost: "result {}"},
		"other bytes":   {change: func(o *observation) { o.Output = "cd34" }, lost: "output cd34"},
		"no champion":   {change: func(o *observation) { o.Champion = "" }, lost: "champion"},
		"no version":    {change: func(o *observation) { o.Versions = 0 }, lost: "0 versions, want 1"},
		"two versions":  {change: func(o *observation) { o.Versions = 2 }, duplicated: "2 versions, want 1"},
		"two tasks":     {change: func(o *observation) { o.Accepted = 2 }, duplicated: "accepted as 2 tasks"},
		"two finished runs": {
			change: func(o *observation) { o.Runs["FINISHED"] = 2 }, duplicated: "2 runs FINISHED",
		},
		"a second run that says that it was killed": {change: func(o *observation) { o.Runs["KILLED"] = 1 }},
		"a run that nobody ends": {
			change: func(o *observation) { o.Runs["RUNNING"] = 1 }, left: "1 runs RUNNING, want 0",
		},
		"a run that was never finished": {
			change: func(o *observation) { o.Runs = map[string]int{"FAILED": 1} }, lost: "0 runs FINISHED, want 1",
		},
		"a pending logged model": {
			change: func(o *observation) { o.Logged["LOGGED_MODEL_PENDING"] = 1 }, left: "LOGGED_MODEL_PENDING",
		},
		"a promotion twice": {
			change: func(o *observation) { o.History = []string{"→1", "1→1"} }, duplicated: "history [→1 1→1]",
		},
		"a promotion without an entry": {change: func(o *observation) { o.History = nil }, lost: "history []"},
		"another promotion":            {change: func(o *observation) { o.History = []string{"→2"} }, lost: "history [→2]"},
		"points twice":                 {change: func(o *observation) { o.Repeated = 3 }, duplicated: "3 points"},
		"an object too many": {
			change: func(o *observation) { o.Objects["uploads/TASK"] = 1 }, left: "object uploads/TASK: 1, want 0",
		},
		"an object that is missing": {
			change: func(o *observation) { delete(o.Objects, "tasks/TASK.json") }, lost: "object tasks/TASK.json: 0",
		},
		"an open upload": {change: func(o *observation) { o.Uploads = 1 }, left: "1 open multipart uploads"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := undisturbedTask(), undisturbedTask()
			got.Runs, got.Objects = maps.Clone(got.Runs), maps.Clone(got.Objects)
			test.change(&got)
			f := compare(got, want)
			wantFinding(t, "lost", f.lost, test.lost)
			wantFinding(t, "duplicated", f.duplicated, test.duplicated)
			wantFinding(t, "left behind", f.left, test.left)
		})
	}
}

func TestCompareEnded(t *testing.T) {
	tests := map[string]struct {
		got        observation
		lost, left string
	}{
		"killed":       {got: observation{State: "REVOKED", Runs: map[string]int{"KILLED": 1}}},
		"still going":  {got: observation{State: "STARTED"}, lost: "ended as STARTED, want REVOKED"},
		"unknown id":   {got: observation{State: "REVOKED", NotFound: 1}, lost: "404"},
		"a run":        {got: observation{State: "REVOKED", Runs: map[string]int{"RUNNING": 1}}, left: "RUNNING"},
		"open uploads": {got: observation{State: "REVOKED", Uploads: 2}, left: "2 open"},
		"a logged model": {
			got:  observation{State: "REVOKED", Logged: map[string]int{"LOGGED_MODEL_PENDING": 1}},
			left: "LOGGED_MODEL_PENDING",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := compareEnded(test.got, "REVOKED")
			wantFinding(t, "lost", f.lost, test.lost)
			wantFinding(t, "left behind", f.left, test.left)
		})
	}
}

func TestCompareMoved(t *testing.T) {
	got, want := undisturbedTask(), undisturbedTask()
	want.History, got.History, got.Champion = []string{"→1", "1→2"}, []string{"→1", "→2"}, "1"
	if f := compareMoved(got, want); !f.none() {
		t.Errorf("the operator's champion counts: %s", f)
	}
	got.History = []string{"→1", "1→2", "1→2"}
	wantFinding(t, "duplicated", compareMoved(got, want).duplicated, "history [1 2 2]")
}

func wantFinding(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
