// Package chaos disturbs the whole of Iris and checks that no task is lost, that nothing happens twice, and that
// nothing is left behind. The processes are those of an installation: two APIs and two workers of the real binary, and
// a real Temporal, MinIO and MLflow, each reached through a proxy that makes requests fail. docs/reliability.md says
// what is tried, and how to repeat one case.
package chaos

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	long = flag.Bool("long", false, "try every kind of request instead of a few")
	seed = flag.Uint64("seed", 1, "choose the fates and the moments of the faults")
	only = flag.String("case", "", "try the faults whose name contains this")
	page = flag.String("page", "", "write the table into this file, between its markers")
)

// lastLine is printed after everything else.
var lastLine string

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if lastLine != "" {
		fmt.Println(lastLine)
	}
	os.Exit(code)
}

// TestChaos tries the short form, which has a few faults of each kind, or with -long the whole table.
func TestChaos(t *testing.T) {
	began := time.Now()
	all := short()
	kinds := []work{train, batch, search}
	if *long || *only != "" {
		kinds = append(kinds, auto, retrain)
	}
	r := newRunner(t, *seed, kinds...)
	if *long {
		all = table(r.seen, *seed)
	}
	if *only != "" {
		all = chosen(distinct(append(all, short()...)), *only)
	}
	if len(all) == 0 {
		t.Fatalf("no fault has a name that contains %q, nor is it one; with -long there are more", *only)
	}
	var mu sync.Mutex
	done := 0
	verdicts := r.run(t.Context(), all, func(v verdict) {
		mu.Lock()
		defer mu.Unlock()
		done++
		t.Logf("%d/%d %s", done, len(all), v)
		if !v.survived() && (!*long || v.hit) {
			t.Errorf("did not survive: %s", v)
		}
	})
	asked, failed := r.predict.failures()
	for _, text := range failed {
		t.Errorf("prediction: %s", text)
	}
	s := summary{verdicts: verdicts, seed: *seed, took: time.Since(began), asked: asked, failed: len(failed)}
	lastLine = s.line()
	if *page != "" {
		if err := s.write(*page); err != nil {
			t.Error(err)
		}
	}
}

// chosen returns the faults whose name contains a text, or, if there are none, the fault that has the text as its name:
// the kinds of requests that undisturbed tasks make differ between runs, and so does the table.
func chosen(all []fault, text string) []fault {
	text, _, _ = strings.Cut(text, forAWhile)
	found := slices.DeleteFunc(slices.Clone(all), func(f fault) bool { return !strings.Contains(f.String(), text) })
	if f, ok := parseFault(text); ok && len(found) == 0 {
		return []fault{f}
	}
	return found
}

// short is the short form: a few faults of each kind, on each kind of work.
func short() []fault {
	return []fault{
		{train, point{temporalDep, "StartWorkflowExecution"}, holdAfter},
		{train, point{temporalDep, "RespondActivityTaskCompleted"}, cutAfter},
		{train, point{mlflowDep, "runs/create"}, cutAfter},
		{train, point{mlflowDep, "POST logged-models"}, late},
		{train, point{mlflowDep, "model-versions/create"}, cutAfter},
		{train, point{s3Dep, "PUT trainings"}, killAfter},
		{train, point{mlflowDep, "runs/log-batch"}, errorBefore},
		{train, point{mlflowDep, "runs/update"}, holdAfter},
		{train, point{mlflowDep, "PUT artifact"}, cutBefore},
		{train, point{s3Dep, "PUT uploads"}, errorAfter},
		{batch, point{temporalDep, "StartWorkflowExecution"}, cutAfter},
		{batch, point{s3Dep, "PUT batches/plan"}, forget},
		{batch, point{s3Dep, "PUT batches/part-N.csv"}, killBefore},
		{batch, point{s3Dep, "PUT batches/manifest.json"}, errorAfter},
		{batch, point{s3Dep, "GET batches/input.csv"}, cutBefore},
		{search, point{mlflowDep, "runs/create"}, errorAfter},
		{search, point{mlflowDep, "runs/log-batch"}, terminate},
		{search, point{s3Dep, "PUT trainings"}, s3Killed},
	}
}
