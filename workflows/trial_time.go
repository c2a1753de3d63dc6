package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"iris/internal/search"
)

// timeOver is the error of a trial that has no score because the time of the trials was over.
const timeOver = "the time for trials was over"

// trialClock ends the trials of a training when their time is over. The zero clock never does.
type trialClock struct {
	trials workflow.Context // of the trials; nil without a limit
	cancel workflow.CancelFunc
	over   bool
}

// context returns the context for trials of a training with ctx.
func (c *trialClock) context(ctx workflow.Context) workflow.Context {
	if c.trials == nil {
		return ctx
	}
	return c.trials
}

// startClock starts the time of the trials if the request limits it. stop ends the timer.
func (s *trials) startClock(ctx workflow.Context) (stop func()) {
	limit := s.in.MaxRuntimeSeconds
	if limit == nil {
		return func() {}
	}
	s.clock.trials, s.clock.cancel = workflow.WithCancel(ctx)
	ctx, cancel := workflow.WithCancel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := workflow.Sleep(ctx, time.Duration(*limit)*time.Second); err == nil {
			s.clock.over = true
			s.checkClock(ctx)
		}
	})
	return func() { cancel() }
}

// checkClock cancels the trials if their time is over and one of them has a score. Without a score they go on, because
// a training needs a spec.
func (s *trials) checkClock(ctx workflow.Context) {
	if !s.clock.over || s.TimeOver || len(search.Rank(s.all, s.Metric)) == 0 {
		return
	}
	s.TimeOver = true
	s.logf(ctx, "the %d s for trials are over", *s.in.MaxRuntimeSeconds)
	s.clock.cancel()
}

// stopTrials marks the trials that were not begun.
func (s *trials) stopTrials(of []search.Trial) {
	for i := range of {
		if t := &of[i]; t.Score == nil && t.Error == "" {
			t.Error, t.Stopped = timeOver, true
		}
	}
}

// cutShort says in the reason of a choice that time decided on the trials.
func (s *trials) cutShort() string {
	return fmt.Sprintf("; the %d s for trials were over after %d of %d, so another run may choose otherwise",
		*s.in.MaxRuntimeSeconds, s.Done, s.Total)
}
