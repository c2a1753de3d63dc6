package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// seenOnce is a small record of undisturbed work.
func seenOnce() seenWork {
	common := map[point]int{
		{temporalDep, "StartWorkflowExecution"}:      1,
		{temporalDep, "PollActivityTaskQueue"}:       9,
		{temporalDep, "RecordActivityTaskHeartbeat"}: 7,
		{mlflowDep, "runs/create"}:                   4,
		{mlflowDep, "runs/search"}:                   1,
		{s3Dep, "PUT trainings"}:                     2,
		{s3Dep, "GET trainings"}:                     2,
	}
	return seenWork{train: common, batch: common, search: common, auto: common}
}

// The same seed gives the same faults at the same moments, also for one fault alone.
func TestTable_repeats(t *testing.T) {
	seen := seenOnce()
	first, again := table(seen, 5), table(seen, 5)
	if !slices.Equal(first, again) {
		t.Errorf("the seed 5 gives\n%v\nand\n%v", first, again)
	}
	if other := table(seen, 6); slices.Equal(first, other) {
		t.Error("the seeds 5 and 6 give the same table")
	}
	for _, f := range first {
		a, b := f.rule(f.random(5), 8), f.rule(f.random(5), 8)
		if a.nth != b.nth || a.lasts != b.lasts || a.nth < 1 || a.nth > 8 {
			t.Errorf("%s: at request %d for %s, then at %d for %s", f, a.nth, a.lasts, b.nth, b.lasts)
		}
	}
	if len(distinct(first)) != len(first) {
		t.Errorf("some of the %d faults are there twice", len(first))
	}
}

// A name that a run printed chooses its fault, also if the table of this run does not have it.
func TestChosen(t *testing.T) {
	all := distinct(append(table(seenOnce(), 1), short()...))
	for _, f := range append(all, fault{batch, point{s3Dep, "create multipart batches/output.csv"}, freeze}) {
		for _, name := range []string{f.String(), f.String() + forAWhile + lasting.String()} {
			if got := chosen(all, name); !slices.Contains(got, f) {
				t.Errorf("%q chooses %v", name, got)
			}
		}
	}
	if some := chosen(all, "kill -9"); len(some) < 2 {
		t.Errorf("a part of a name chooses %v, want several", some)
	}
	for _, name := range []string{"kill -8", "train, mlflow runs/create, slap", "nap, mlflow runs/create, delay"} {
		if got := chosen(all, name); len(got) != 0 {
			t.Errorf("%q chooses %v, want nothing", name, got)
		}
	}
}

// Every kind of request is disturbed, and one that changes something also after it has.
func TestTable_disturbsEveryKind(t *testing.T) {
	seen := seenOnce()
	all := table(seen, 1)
	for _, p := range seen.points(train) {
		before, after := false, false
		for _, f := range all {
			if f.point == p && slices.Contains(requestFates, f.fate) {
				after = after || f.fate.acted() || f.fate == late
				before = before || !f.fate.acted()
			}
		}
		if p.changes() && !after || !before && !isPoll(p.kind) {
			t.Errorf("%s: before %t, after %t", p, before, after)
		}
	}
	for _, f := range all {
		if slices.Contains(ignored, f.kind) {
			t.Errorf("%s is in the table", f)
		}
	}
	for _, fates := range [][]fate{processFates, operatorFates, dependencyFates} {
		for _, want := range fates {
			if !slices.ContainsFunc(all, func(f fault) bool { return f.fate == want }) {
				t.Errorf("%s is not in the table", want)
			}
		}
	}
}

func TestRule_take(t *testing.T) {
	now := time.Now()
	r := &rule{nth: 2, lasts: time.Second, fired: make(chan struct{})}
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {0, true}, {500 * time.Millisecond, true}, {2 * time.Second, false}} {
		if got := r.take(now.Add(step.after)); got != step.want {
			t.Errorf("request %d is hit: %t, want %t", i+1, got, step.want)
		}
	}
}

func TestSummary(t *testing.T) {
	f := fault{train, point{mlflowDep, "runs/create"}, cutAfter}
	r := &rule{nth: 1, lasts: lasting}
	s := summary{seed: 3, asked: 10, verdicts: []verdict{
		{fault: f, rule: r, hit: true, state: "SUCCESS"},
		{fault: f, rule: r, hit: false},
		{fault: f, rule: r, hit: true, findings: findings{lost: []string{"a|b", "c"}, left: []string{"d"}}},
		{fault: f, rule: r, findings: findings{duplicated: []string{"e"}}},
	}}
	if got, want := s.line(), "3 faults, 1 survived, 1 lost, 1 duplicated, 1 left behind"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	path := filepath.Join(t.TempDir(), "page.md")
	if err := s.write(path); err == nil {
		t.Error("a page that does not exist was written")
	}
	if err := os.WriteFile(path, []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n", "after\n", s.line(), `lost: a\|b; lost: c`, "cut after, for 3s", "Seed 3"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") || strings.Count(string(text), "| train |") != 3 {
		t.Errorf("the page has other lines than those of the faults that happened:\n%s", text)
	}
}
