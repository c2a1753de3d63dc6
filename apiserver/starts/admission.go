package starts

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.temporal.io/sdk/client"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
)

const (
	// freshness is how long an answer of Temporal counts as a sign of life.
	freshness = time.Second
	// silence is how long Temporal may answer nothing before it counts as down. A busy server stands still for seconds.
	silence = 4 * time.Second
	// pause is how long a client that was turned away should wait: about as long as the starts that wait take.
	pause = 2 * time.Second

	// firstCheck is how long a start may take before Temporal is asked for a sign of life. Then checkTimeout is the time
	// to answer, and checkPause the time between two questions. Together the first two are below
	// httpio.DependencyTimeout, so that a request is answered within 3 s when Temporal is down.
	firstCheck   = 500 * time.Millisecond
	checkTimeout = 1500 * time.Millisecond
	checkPause   = time.Second
)

// errLate is why a start ended that Temporal did not answer, although it answered other questions.
var errLate = fmt.Errorf("temporal has not answered the start in time: %w", context.DeadlineExceeded)

// Admit waits for a turn to start a task, and makes sure that Temporal answers. The caller may then store what the task
// reads; it calls release after the start. If too many starts wait already, the error is a 429 at once.
func (s *Starts) Admit(ctx context.Context) (release func(), err error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	release = func() { <-s.running }
	if s.answeredWithin(freshness) {
		return release, nil
	}
	if err := s.Check(ctx); err != nil && !s.answeredWithin(silence) {
		release()
		return nil, err
	}
	return release, nil
}

// wait takes an element of running.
func (s *Starts) wait(ctx context.Context) error {
	select {
	case s.running <- struct{}{}:
		return nil
	default:
	}
	if s.waiting.Add(1) > s.maxWaiting {
		s.waiting.Add(-1)
		return s.tooMany()
	}
	defer s.waiting.Add(-1)
	late := time.NewTimer(s.deadline)
	defer late.Stop()
	select {
	case s.running <- struct{}{}:
		return nil
	case <-late.C:
		return s.tooMany()
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn to start a task: %w", ctx.Err())
	}
}

func (s *Starts) tooMany() error {
	p := problem.New(http.StatusTooManyRequests,
		fmt.Sprintf("%d tasks wait to be started already; nothing was started, try again", s.waiting.Load()))
	p.Header = http.Header{"Retry-After": {strconv.Itoa(int(pause.Seconds()))}}
	return p
}

// CheckFree fails if Admit would turn the caller away now: before a client sends a gigabyte in vain.
func (s *Starts) CheckFree(ctx context.Context) error {
	if s.waiting.Load() >= s.maxWaiting {
		return s.tooMany()
	}
	return s.Check(ctx)
}

// Check fails if Temporal does not answer.
func (s *Starts) Check(ctx context.Context) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	if _, err := s.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return fmt.Errorf("check Temporal: %w: %w", httpio.ErrNoAnswer, err)
	}
	s.noteAnswer()
	return nil
}

func (s *Starts) noteAnswer() { s.answered.Store(time.Now().UnixNano()) }

func (s *Starts) answeredWithin(d time.Duration) bool {
	return time.Since(time.Unix(0, s.answered.Load())) < d
}

// whileAnswering returns a context for a start. It ends when Temporal answers nothing at all. A start alone may be
// slow, because Temporal has to write it to its database.
func (s *Starts) whileAnswering(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(firstCheck, func() {
		for ctx.Err() == nil {
			check, done := context.WithTimeout(ctx, checkTimeout)
			err := s.Check(check)
			done()
			if err != nil && !s.answeredWithin(silence) {
				cancel(err)
				return
			}
			select {
			case <-time.After(checkPause):
			case <-ctx.Done():
			}
		}
	})
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}
