package chaos

import (
	"slices"
	"sync"
	"time"
)

// dependency is a service that Iris needs.
type dependency string

const (
	mlflowDep   dependency = "mlflow"
	s3Dep       dependency = "s3"
	temporalDep dependency = "temporal"
)

// fate is what happens at a request. "Before" means that the service has not seen the request; "after", that it has
// acted on it.
type fate string

// Fates of the request itself.
const (
	errorBefore fate = "500 before"
	errorAfter  fate = "500 after"
	cutBefore   fate = "cut before"
	cutAfter    fate = "cut after"
	holdBefore  fate = "hold before" // until the client gives up
	holdAfter   fate = "hold after"
	late        fate = "commit late" // the client is cut off, and the service acts seconds later
	delay       fate = "delay"       // the service acts seconds later, and the client gets the answer
)

// Fates of the process that sends the request. A supervisor starts a process again that has ended.
const (
	killBefore fate = "kill -9 before"
	killAfter  fate = "kill -9 after"
	stopAfter  fate = "SIGTERM after"
	freeze     fate = "SIGSTOP after" // for longer than the heartbeat timeout
)

// Fates of the task, by the hand of an operator.
const (
	terminate fate = "terminate"
	forget    fate = "delete" // the workflow, with its history
	cancelled fate = "cancel"
	reset     fate = "reset" // to the last workflow task
)

// Fates of the champion, by the hand of an operator.
const (
	aliasMoved   fate = "alias moved"
	aliasRemoved fate = "alias removed"
)

// Fates of a dependency. Each ends after a while.
const (
	mlflowRestarts   fate = "mlflow restarts"
	mlflowKilled     fate = "mlflow killed"
	mlflowFrozen     fate = "mlflow frozen"
	s3Restarts       fate = "s3 restarts"
	s3Killed         fate = "s3 killed"
	s3Frozen         fate = "s3 frozen"
	temporalRestarts fate = "temporal restarts"
	temporalKilled   fate = "temporal killed"
	temporalFrozen   fate = "temporal frozen"
	diskFull         fate = "disk full"
)

var (
	requestFates    = []fate{errorBefore, errorAfter, cutBefore, cutAfter, holdBefore, holdAfter, late, delay}
	processFates    = []fate{killBefore, killAfter, stopAfter, freeze}
	operatorFates   = []fate{terminate, forget, cancelled, reset, aliasMoved, aliasRemoved}
	dependencyFates = []fate{
		mlflowRestarts, mlflowKilled, mlflowFrozen, s3Restarts, s3Killed, s3Frozen,
		temporalRestarts, temporalKilled, temporalFrozen, diskFull,
	}
)

// acted reports whether the service acts on the request before its client learns of the fate.
func (f fate) acted() bool {
	return slices.Contains([]fate{errorAfter, cutAfter, holdAfter, killAfter, stopAfter, freeze, aliasMoved}, f)
}

const (
	lateness   = 4 * time.Second // of a commit
	slowness   = 2 * time.Second // of a delayed request
	longestTry = time.Minute     // that a request is held
	frozenFor  = 25 * time.Second
	fullFor    = 15 * time.Second
)

// rule is a fault: at the nth request of a kind, something happens.
type rule struct {
	point
	fate  fate
	nth   int            // from 1
	lasts time.Duration  // how long the following requests of the kind have the same fate; 0 is one request
	hook  func(*program) // of the fates that are not the request's own; it gets the sender
	fired chan struct{}  // closed at the first request that is hit
	over  sync.WaitGroup // what the hook has begun and not ended yet

	once  sync.Once
	seen  int
	until time.Time
	at    time.Time // of the first request that is hit
}

// take returns whether the fault hits the next request of the kind. The caller holds the lock of the ledger.
func (r *rule) take(now time.Time) bool {
	r.seen++
	switch {
	case r.seen < r.nth:
		return false
	case r.seen == r.nth:
		r.until, r.at = now.Add(r.lasts), now
		close(r.fired)
		return true
	default:
		return now.Before(r.until)
	}
}

// do runs the hook, once.
func (r *rule) do(sender *program) {
	r.once.Do(func() {
		if r.hook != nil {
			r.hook(sender)
		}
	})
}

// point is a kind of request to a dependency.
type point struct {
	dependency dependency
	kind       string
}

func (p point) String() string { return string(p.dependency) + " " + p.kind }

// ledger counts the requests of one case, and has its faults. A request belongs to the case if its line, its body or,
// for a poll, its answer contains one of the tokens.
type ledger struct {
	mu     sync.Mutex
	tokens []string
	counts map[point]int
	rules  []*rule
}

func newLedger(tokens ...string) *ledger { return &ledger{tokens: tokens, counts: map[point]int{}} }

// arm adds a fault. It hits the requests from now on.
func (l *ledger) arm(r *rule) {
	r.fired = make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rules = append(l.rules, r)
}

// reset forgets the requests so far.
func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = map[point]int{}
}

// seen returns the number of requests of each kind.
func (l *ledger) seen() map[point]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[point]int, len(l.counts))
	for p, n := range l.counts {
		counts[p] = n
	}
	return counts
}
