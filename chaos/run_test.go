package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// verdict is what became of a fault.
type verdict struct {
	fault fault
	rule  *rule
	hit   bool // the request came, so the fault happened
	findings
	state    string
	took     time.Duration // the task, from its start to its end
	recovery time.Duration // from the end of the fault to the end of the task
	object   string        // model, by which logs name the case
}

// survived reports whether nothing was lost, duplicated or left behind.
func (v verdict) survived() bool { return v.hit && v.none() }

// runner runs faults in one world.
type runner struct {
	*world
	seed    uint64
	undone  map[work]observation // of undisturbed tasks
	seen    seenWork
	predict *predictor
}

// newRunner starts a world, does each kind of work once, undisturbed, and starts the predictions.
func newRunner(t *testing.T, seed uint64, kinds ...work) *runner {
	t.Helper()
	r := &runner{world: newWorld(t), seed: seed, undone: map[work]observation{}, seen: seenWork{}}
	began := time.Now()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(t.Context())
	for _, k := range kinds {
		x := r.newTask(k, rand.New(rand.NewPCG(seed, uint64(len(k))<<8+uint64(k[0]))))
		if k == train {
			r.predict = &predictor{world: r.world, model: x.model, row: x.row()}
		}
		group.Go(func() error {
			o, err := r.undisturbed(ctx, x)
			mu.Lock()
			defer mu.Unlock()
			r.undone[k], r.seen[k] = o, x.ledger.seen()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("undisturbed work took %s", time.Since(began).Round(time.Second))
	predicting, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.predict.run(predicting)
	}()
	t.Cleanup(func() { stop(); <-done })
	return r
}

// undisturbed does a task without a fault.
func (r *runner) undisturbed(ctx context.Context, x *task) (observation, error) {
	r.watch(x.ledger)
	if err := x.prepare(ctx); err != nil {
		return observation{}, err
	}
	if err := x.start(ctx); err != nil {
		return observation{}, err
	}
	x.wait(ctx)
	if x.status.State != "SUCCESS" {
		return observation{}, fmt.Errorf("undisturbed, the %s ended as %s %s", x.work, x.status.State, x.status.Error)
	}
	return x.observe(ctx)
}

// Numbers of faults at the same time. Each has a task and a model of its own.
const (
	requestFaultsAtOnce = 8
	processFaultsAtOnce = 6
)

// run tries faults and returns the verdicts in the order of the faults. Faults of a dependency come one at a time, and
// last, because they hit everything.
func (r *runner) run(ctx context.Context, all []fault, report func(verdict)) []verdict {
	verdicts := make([]verdict, len(all))
	for _, stage := range []struct {
		fates  []fate
		atOnce int
	}{
		{append(slices.Clone(requestFates), operatorFates...), requestFaultsAtOnce},
		{processFates, processFaultsAtOnce},
		{dependencyFates, 1},
	} {
		var group errgroup.Group
		group.SetLimit(stage.atOnce)
		for i, f := range all {
			if slices.Contains(stage.fates, f.fate) {
				group.Go(func() error {
					verdicts[i] = r.try(ctx, f)
					report(verdicts[i])
					return nil
				})
			}
		}
		_ = group.Wait() // try reports errors as findings
	}
	return verdicts
}

// companions are the tasks that are done beside the one whose request triggers the outage of a dependency.
var companions = []work{train, search, batch}

// try tries a fault.
func (r *runner) try(ctx context.Context, f fault) verdict {
	random := f.random(r.seed)
	v := verdict{fault: f, rule: f.rule(random, r.seen[f.work][f.point])}
	x := r.newTask(f.work, random)
	v.object = x.model
	part, _ := dependencyFate(f.fate)
	var beside []*task
	if part != "" {
		for _, k := range companions {
			if k != f.work {
				beside = append(beside, r.newTask(k, random))
			}
		}
	}
	var group errgroup.Group
	for _, other := range beside {
		group.Go(func() error { return r.begin(ctx, other, nil) })
	}
	err := r.begin(ctx, x, v.rule)
	if beyond := group.Wait(); err == nil {
		err = beyond
	}
	if err != nil {
		v.lost = append(v.lost, err.Error())
		return v
	}
	v.hit = r.awaitHit(ctx, x, v.rule)
	for _, other := range beside {
		other.wait(ctx)
	}
	v.rule.over.Wait()
	if f.fate == forget {
		x.forgotten(ctx)
	}
	v.state, v.took = x.status.State, x.ended.Sub(x.began)
	if v.hit {
		v.recovery = max(0, x.ended.Sub(v.rule.at))
	}
	v.add(r.judge(ctx, x, f.fate))
	for _, other := range beside {
		v.add(r.judge(ctx, other, ""))
	}
	for _, done := range append(beside, x) {
		r.remove(ctx, done)
	}
	return v
}

// remove deletes the model of a task that was judged. An MLflow with hundreds of models takes seconds to list them, and
// every API lists them once a second.
func (r *runner) remove(ctx context.Context, x *task) {
	err := r.mlflow(ctx, http.MethodDelete, "registered-models/delete", map[string]string{"name": x.model}, nil)
	if err != nil && !errors.Is(err, errNone) {
		r.complain("delete the model of %s: %v", x.model, err)
	}
	for _, p := range r.proxies {
		p.forget(x.ledger)
	}
}

// begin prepares a task, arms its fault and starts it.
func (r *runner) begin(ctx context.Context, x *task, fault *rule) error {
	r.watch(x.ledger)
	if err := x.prepare(ctx); err != nil {
		return err
	}
	if fault != nil {
		fault.hook = r.hookOf(ctx, x, fault)
		x.ledger.arm(fault)
	}
	return x.start(ctx)
}

// hitLimit is how long a fault may wait for its request after the task has ended.
const hitLimit = 3 * time.Second

// awaitHit waits for the fault, and reports whether it happened.
func (r *runner) awaitHit(ctx context.Context, x *task, fault *rule) bool {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		x.wait(waiting)
	}()
	select {
	case <-fault.fired:
		if fault.fate == forget {
			stop() // nobody tells how a deleted workflow ended
		}
		<-ended
		return true
	case <-ended:
	}
	select {
	case <-fault.fired:
		return true
	case <-time.After(hitLimit):
		return false
	}
}

// settleLimit is how long a world may take to clean up after a task.
const settleLimit = 15 * time.Second

// judge compares a task with an undisturbed one. What is left behind counts if a sweep leaves it too.
func (r *runner) judge(ctx context.Context, x *task, f fate) findings {
	compared := func() findings {
		o, err := x.observe(ctx)
		if err != nil {
			return findings{lost: []string{err.Error()}}
		}
		switch f {
		case terminate, cancelled:
			if f == cancelled && o.State == "SUCCESS" { // the cancel came after the last step
				return compare(o, r.undone[x.work])
			}
			return compareEnded(o, "REVOKED")
		case forget:
			return compareEnded(o, "LOST")
		case aliasMoved, aliasRemoved:
			return compareMoved(o, r.undone[x.work])
		}
		return compare(o, r.undone[x.work])
	}
	var last findings
	_ = r.await(ctx, "a clean world", settleLimit, func() bool {
		last = compared()
		return last.none()
	})
	if last.none() {
		return last
	}
	if err := r.sweep(ctx); err != nil {
		last.left = append(last.left, err.Error())
		return last
	}
	return compared()
}
