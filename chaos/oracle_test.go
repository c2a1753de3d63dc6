package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// observation is what a task left, without ids and times, so that two tasks of the same kind of work can be compared.
type observation struct {
	State   string
	Error   string
	Outcome string // the result
	Output  string // hash of the bytes of a batch's output, or of the model's artifact

	Versions int
	Runs     map[string]int // runs of MLflow by status
	Logged   map[string]int // logged models by status
	History  []string       // promotions, from→to
	Champion string
	Repeated int            // points of loss curves that come twice
	Objects  map[string]int // keys of both buckets, with ids replaced
	Uploads  int            // multipart uploads that are open

	Accepted int // ids that the API accepted for the one request
	NotFound int // answers 404 after the task was accepted
}

// findings are the differences that count: what is lost, what is there twice, and what is left behind.
type findings struct {
	lost, duplicated, left []string
}

func (f findings) none() bool { return len(f.lost)+len(f.duplicated)+len(f.left) == 0 }

// String lists the findings.
func (f findings) String() string {
	var all []string
	for _, group := range []struct {
		name string
		each []string
	}{{"lost", f.lost}, {"duplicated", f.duplicated}, {"left behind", f.left}} {
		for _, one := range group.each {
			all = append(all, group.name+": "+one)
		}
	}
	return strings.Join(all, "; ")
}

func (f *findings) add(g findings) {
	f.lost = append(f.lost, g.lost...)
	f.duplicated = append(f.duplicated, g.duplicated...)
	f.left = append(f.left, g.left...)
}

// unfinished are the states that runs and logged models have while something works on them.
var unfinished = []string{"RUNNING", "SCHEDULED", "LOGGED_MODEL_PENDING"}

// compare returns how a disturbed task differs from an undisturbed one.
func compare(got, want observation) findings {
	var f findings
	if got.State != want.State {
		f.lost = append(f.lost, fmt.Sprintf("ended as %s, want %s %s", cmp.Or(got.State, "unknown"), want.State, got.Error))
	}
	if got.NotFound > 0 {
		f.lost = append(f.lost, fmt.Sprintf("the accepted id answered 404 %d times", got.NotFound))
	}
	if got.State == want.State {
		differ := func(what, got, want string) {
			if got != want {
				f.lost = append(f.lost, fmt.Sprintf("%s %s, want %s", what, clip(got), clip(want)))
			}
		}
		differ("result", got.Outcome, want.Outcome)
		differ("output", got.Output, want.Output)
		differ("champion", got.Champion, want.Champion)
	}
	if got.Accepted > 1 {
		f.duplicated = append(f.duplicated, fmt.Sprintf("one request was accepted as %d tasks", got.Accepted))
	}
	f.count("versions", got.Versions, want.Versions)
	f.counts("runs", got.Runs, want.Runs)
	f.counts("logged models", got.Logged, want.Logged)
	f.promotions(got.History, want.History)
	if got.Repeated > want.Repeated {
		f.duplicated = append(f.duplicated, fmt.Sprintf("%d points of the loss curve", got.Repeated-want.Repeated))
	}
	f.objects(got.Objects, want.Objects)
	if got.Uploads > want.Uploads {
		f.left = append(f.left, fmt.Sprintf("%d open multipart uploads", got.Uploads-want.Uploads))
	}
	return f
}

// compareEnded returns what is wrong with a task that an operator ended: it must say so, and leave nothing that looks
// as if somebody worked on it.
func compareEnded(got observation, state string) findings {
	var f findings
	if got.State != state {
		f.lost = append(f.lost, fmt.Sprintf("ended as %s, want %s", cmp.Or(got.State, "unknown"), state))
	}
	if got.NotFound > 0 {
		f.lost = append(f.lost, "the accepted id answers 404")
	}
	for _, status := range unfinished {
		if n := got.Runs[status] + got.Logged[status]; n > 0 {
			f.left = append(f.left, fmt.Sprintf("%d runs or logged models %s", n, status))
		}
	}
	if got.Uploads > 0 {
		f.left = append(f.left, fmt.Sprintf("%d open multipart uploads", got.Uploads))
	}
	return f
}

// compareMoved returns how a task differs from an undisturbed one, if an operator moved the champion meanwhile. The
// champion is the operator's, and the history may say so, but it has the promotion of the task once.
func compareMoved(got, want observation) findings {
	got.Champion = want.Champion
	got.History, want.History = targets(got.History), targets(want.History)
	return compare(got, want)
}

// targets returns the versions that became the champion.
func targets(history []string) []string {
	var versions []string
	for _, entry := range history {
		_, to, _ := strings.Cut(entry, "→")
		versions = append(versions, to)
	}
	return versions
}

func (f *findings) count(what string, got, want int) {
	switch {
	case got < want:
		f.lost = append(f.lost, fmt.Sprintf("%d %s, want %d", got, what, want))
	case got > want:
		f.duplicated = append(f.duplicated, fmt.Sprintf("%d %s, want %d", got, what, want))
	}
}

// counts compares numbers by status. One more that is unfinished is left behind, one more that is finished is a
// duplicate. Those that were marked as failed or killed say what they are.
func (f *findings) counts(what string, got, want map[string]int) {
	for _, status := range slices.Sorted(maps.Keys(union(got, want))) {
		more := got[status] - want[status]
		text := fmt.Sprintf("%d %s %s, want %d", got[status], what, status, want[status])
		switch {
		case more < 0:
			f.lost = append(f.lost, text)
		case more > 0 && slices.Contains(unfinished, status):
			f.left = append(f.left, text)
		case more > 0 && (status == "FINISHED" || status == "LOGGED_MODEL_READY"):
			f.duplicated = append(f.duplicated, text)
		}
	}
}

// promotions compares histories: each entry is a promotion that happened, once.
func (f *findings) promotions(got, want []string) {
	if slices.Equal(got, want) {
		return
	}
	text := fmt.Sprintf("history %v, want %v", got, want)
	if len(got) > len(want) {
		f.duplicated = append(f.duplicated, text)
	} else {
		f.lost = append(f.lost, text)
	}
}

// clip shortens a text for people.
func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

func (f *findings) objects(got, want map[string]int) {
	var all findings
	defer func() {
		f.lost = append(f.lost, fewer(all.lost)...)
		f.left = append(f.left, fewer(all.left)...)
	}()
	for _, key := range slices.Sorted(maps.Keys(union(got, want))) {
		switch more := got[key] - want[key]; {
		case more < 0:
			all.lost = append(all.lost, fmt.Sprintf("object %s: %d, want %d", key, got[key], want[key]))
		case more > 0:
			all.left = append(all.left, fmt.Sprintf("object %s: %d, want %d", key, got[key], want[key]))
		}
	}
}

// fewer replaces all but the first of many texts by their number.
func fewer(texts []string) []string {
	const most = 2
	if len(texts) <= most {
		return texts
	}
	return append(texts[:most:most], fmt.Sprintf("%d more objects", len(texts)-most))
}

func union(a, b map[string]int) map[string]int {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]int{}
	}
	maps.Copy(all, b)
	return all
}
