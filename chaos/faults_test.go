package chaos

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fault is one line of the table: while a task is done, at a kind of request, something happens.
type fault struct {
	work work
	point
	fate fate
}

func (f fault) String() string { return fmt.Sprintf("%s, %s, %s", f.work, f.point, f.fate) }

// parseFault reads what String writes.
func parseFault(name string) (fault, bool) {
	parts := strings.Split(name, ", ")
	if len(parts) != 3 {
		return fault{}, false
	}
	at, kind, ok := strings.Cut(parts[1], " ")
	f := fault{work(parts[0]), point{dependency(at), kind}, fate(parts[2])}
	fates := slices.Concat(requestFates, processFates, operatorFates, dependencyFates)
	return f, ok && slices.Contains([]work{train, retrain, auto, search, batch}, f.work) &&
		slices.Contains([]dependency{mlflowDep, s3Dep, temporalDep}, f.dependency) && slices.Contains(fates, f.fate)
}

// random returns the random numbers of a fault: the same for the same seed, whatever else the run tries.
func (f fault) random(seed uint64) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.String())) // it never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// lasting is how long some faults go on.
const lasting = 3 * time.Second

// rule chooses the moment of a fault. requests is how many requests of the kind an undisturbed task makes.
func (f fault) rule(random *rand.Rand, requests int) *rule {
	if f.dependency == temporalDep {
		requests /= 2 // how often a worker polls and answers depends on the time
	}
	r := &rule{point: f.point, fate: f.fate, nth: 1 + random.IntN(max(1, requests))}
	if slices.Contains([]fate{errorBefore, errorAfter, cutBefore, cutAfter}, f.fate) && random.IntN(2) == 0 {
		r.lasts = lasting
	}
	return r
}

// changes reports whether a request changes something.
func (p point) changes() bool {
	switch p.dependency {
	case mlflowDep:
		return !strings.HasPrefix(p.kind, "GET ") && !strings.HasSuffix(p.kind, "/search")
	case s3Dep:
		verb, _, _ := strings.Cut(p.kind, " ")
		return !slices.Contains([]string{"GET", "HEAD", "LIST"}, verb)
	}
	return !isPoll(p.kind) && !strings.HasPrefix(p.kind, "Describe") && !strings.HasPrefix(p.kind, "Query")
}

// ignored are the kinds of requests whose number depends on the time that a task takes.
var ignored = []string{"RecordActivityTaskHeartbeat", "RespondQueryTaskCompleted", "GetSystemInfo", "DescribeNamespace"}

// seenWork is how often an undisturbed task makes each kind of request.
type seenWork map[work]map[point]int

// points returns the kinds of requests of a kind of work, in a fixed order.
func (s seenWork) points(k work) []point {
	var all []point
	for p := range s[k] {
		if !slices.Contains(ignored, p.kind) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.dependency, b.dependency), cmp.Compare(a.kind, b.kind))
	})
	return all
}

// table makes the faults of the long form from the requests that undisturbed tasks make, so that a new kind of request
// is disturbed without anybody naming it. The seed chooses among the fates.
func table(seen seenWork, seed uint64) []fault {
	random := rand.New(rand.NewPCG(seed, 0))
	var all []fault
	for _, k := range []work{train, batch, search, auto} {
		for _, p := range seen.points(k) {
			for i, f := range requestFatesOf(p, random) {
				// A search and a training by auto make the requests of a training and a few more.
				_, common := seen[train][p]
				if i == 0 && (k == train || k == batch || !common) || i == 1 && k != auto && k != search {
					all = append(all, fault{k, p, f})
				}
			}
		}
	}
	all = append(all, processFaults(seen, random)...)
	all = append(all, operatorFaults(seen, random)...)
	return append(all, dependencyFaults(seen, random)...)
}

// requestFatesOf returns the fates that the requests of a kind get in a run.
func requestFatesOf(p point, random *rand.Rand) []fate {
	early := []fate{errorBefore, cutBefore, holdBefore, delay}
	shuffle(random, early)
	switch {
	case isPoll(p.kind):
		return []fate{cutAfter}
	case p.changes():
		lateOnes := []fate{cutAfter, late, holdAfter, errorAfter}
		shuffle(random, lateOnes)
		return []fate{lateOnes[0], early[0]}
	}
	return early[:1]
}

// processFaults are the ends of the processes that make a request: four moments of each kind of work, for each fate.
func processFaults(seen seenWork, random *rand.Rand) []fault {
	var all []fault
	for _, k := range []work{train, batch, search} {
		points := slices.DeleteFunc(seen.points(k), func(p point) bool { return !p.changes() })
		shuffle(random, points)
		for i, f := range append(slices.Clone(processFates), killBefore, killAfter) {
			all = append(all, fault{k, points[i%len(points)], f})
		}
	}
	start := point{temporalDep, "StartWorkflowExecution"}
	for i, f := range processFates {
		all = append(all, fault{[]work{train, batch}[i%2], start, f})
	}
	return distinct(all)
}

// operatorFaults are what operators do to tasks and aliases by hand.
func operatorFaults(seen seenWork, random *rand.Rand) []fault {
	var all []fault
	for _, k := range []work{train, batch, search} {
		points := slices.DeleteFunc(seen.points(k), func(p point) bool {
			return !p.changes() || p.dependency == temporalDep || strings.HasPrefix(p.kind, "PUT uploads") ||
				strings.HasSuffix(p.kind, "input.csv") || p.kind == "PUT tasks" || p.kind == "runs/update" ||
				strings.HasPrefix(p.kind, "DELETE") || strings.Contains(p.kind, "datasets")
		})
		shuffle(random, points)
		for i, f := range []fate{terminate, forget, cancelled, reset} {
			all = append(all, fault{k, points[i%len(points)], f})
		}
	}
	for _, p := range []point{{mlflowDep, "model-versions/create"}, {mlflowDep, "POST registered-models/alias"}} {
		all = append(all, fault{retrain, p, aliasMoved}, fault{retrain, p, aliasRemoved})
	}
	return all
}

// dependencyFaults are the outages of the dependencies.
func dependencyFaults(seen seenWork, random *rand.Rand) []fault {
	var all []fault
	for i, f := range dependencyFates {
		k := []work{search, batch, train}[i%3]
		points := slices.DeleteFunc(seen.points(k), func(p point) bool { return !p.changes() })
		all = append(all, fault{k, points[random.IntN(len(points))], f})
	}
	return all
}

func shuffle[T any](random *rand.Rand, s []T) {
	random.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func distinct(all []fault) []fault {
	var kept []fault
	for _, f := range all {
		if !slices.Contains(kept, f) {
			kept = append(kept, f)
		}
	}
	return kept
}
