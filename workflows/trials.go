package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/model"
)

// trialsAtOnce bounds how many trials of one search wait for a compute slot, so that a large search leaves room in the
// queue for others.
const trialsAtOnce = 16

// longestReason bounds what a failed trial says of itself, so that a result stays small whatever went wrong.
const longestReason = 300

// Trial is one spec that was tried.
type Trial struct {
	Name            string          `json:"name"`
	Algorithm       model.Algorithm `json:"algorithm"`
	Hyperparameters json.RawMessage `json:"hyperparameters"`
	RunID           string          `json:"run_id,omitempty"` // of MLflow, a child of the training's
	Rows            int             `json:"rows,omitempty"`   // that it was tried on
	Fits            int             `json:"fits,omitempty"`
	Score           *model.Score    `json:"score,omitempty"` // in the metric of the search; absent when it failed
	Error           string          `json:"error,omitempty"` // why it failed
}

// SearchProgress is how far a search is.
type SearchProgress struct {
	Method Method `json:"method"`
	Metric Metric `json:"metric"`
	Total  int    `json:"total"` // trials
	Done   int    `json:"done"`  // the failed ones included
	Failed int    `json:"failed"`
	Best   *Trial `json:"best,omitempty"` // so far, of the trials on the most rows
}

// SearchResult is what a search leaves behind: the chosen trial is Best.
type SearchResult struct {
	SearchProgress
	Reason string  `json:"reason"` // of the choice, in words
	Trials []Trial `json:"trials"`
}

// trials is the state of the step that chooses a spec.
type trials struct {
	*training
	SearchProgress
	share float64                // of the rows for training that the present trials use
	tried []activities.TriedSpec // by index of all
	all   []Trial
	first error // of the trials that failed
}

// choose finds the spec to fit by trials, where the request asks for that.
func (t *training) choose(ctx workflow.Context) error {
	method := t.in.choosing()
	if method == "" {
		return nil
	}
	s := &trials{training: t, SearchProgress: SearchProgress{Method: method, Metric: LogLoss}}
	if t.in.Search != nil {
		s.Metric = t.in.Search.Metric
	}
	t.stage(ctx, "try candidates")
	t.status.Unit = "trials"
	last, err := s.rounds(ctx)
	s.publish(ctx, nil)
	if err != nil {
		return err
	}
	return s.conclude(ctx, last)
}

// rounds tries the candidates and returns the trials to choose from: those of the last rung of a halving, else all.
func (s *trials) rounds(ctx workflow.Context) ([]Trial, error) {
	specs, plan, err := s.plan(ctx)
	if err != nil {
		return nil, err
	}
	s.Total = sum(plan)
	var last []Trial
	for i := range plan {
		s.share = rungShare(i, len(plan))
		prefix := "trial-"
		if len(plan) > 1 {
			prefix = fmt.Sprintf("rung-%d-trial-", i+1)
			s.note(ctx, "rung %d of %d: %d trials on %.3g %% of the rows", i+1, len(plan), len(specs), 100*s.share)
		}
		if last, err = s.try(ctx, specs, prefix); err != nil {
			return nil, err
		}
		best := ranked(last, s.Metric)
		if len(best) == 0 {
			return nil, s.allFailed()
		}
		if i+1 < len(plan) {
			specs = specsOf(best[:min(len(best), plan[i+1])], s.spec)
			copy(plan[i+1:], rungsFrom(len(specs), len(plan)-i-1)) // fewer than planned, when many have failed
			s.Total = sum(plan)
		}
	}
	return last, nil
}

// plan lists what is to be tried first, and how many trials each rung has.
func (s *trials) plan(ctx workflow.Context) ([]model.Spec, []int, error) {
	switch s.Method {
	case autoMethod:
		specs, err := s.autoSpecs(ctx)
		return specs, []int{len(specs)}, err
	case validateMethod:
		return []model.Spec{s.spec}, []int{1}, nil
	}
	rows := int(float64(s.data.Rows) * (1 - *s.in.TestSize))
	plan := []int{*s.in.Search.Budget}
	if s.Method == HalvingSearch {
		plan = rungs(*s.in.Search.Budget, rows, s.data.Classes)
	}
	base := s.spec
	base.Hyperparameters = s.in.Hyperparameters
	specs := s.in.Search.candidates(base, plan[0])
	return specs, rungsFrom(len(specs), len(plan)), nil
}

// specsOf is what the trials tried, of a training that began with base.
func specsOf(list []Trial, base model.Spec) []model.Spec {
	specs := make([]model.Spec, len(list))
	for i, t := range list {
		specs[i] = model.Spec{
			Algorithm:       t.Algorithm,
			Hyperparameters: t.Hyperparameters,
			Seed:            base.Seed,
			ClassWeight:     base.ClassWeight,
		}
	}
	return specs
}

// try runs a RunTrial per spec and returns how they did. A trial that fails is a result; only a cancel is an error.
func (s *trials) try(ctx workflow.Context, specs []model.Spec, prefix string) ([]Trial, error) {
	from := len(s.all)
	for i, spec := range specs {
		s.all = append(
			s.all,
			Trial{Name: prefix + strconv.Itoa(i+1), Algorithm: spec.Algorithm, Hyperparameters: spec.Hyperparameters},
		)
		s.tried = append(s.tried, activities.TriedSpec{})
	}
	now := s.all[from:]
	s.publish(ctx, now)
	slots := workflow.NewSemaphore(ctx, trialsAtOnce)
	running := workflow.NewWaitGroup(ctx)
	for i := range now {
		if err := slots.Acquire(ctx, 1); err != nil {
			break // cancelled
		}
		running.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer running.Done()
			defer slots.Release(1)
			s.runTrial(ctx, from+i, specs[i])
			s.publish(ctx, now)
		})
	}
	// The trials that run end by themselves, also after a cancel: waiting for them must not be cut short.
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	running.Wait(disconnected)
	return now, ctx.Err()
}

// runTrial runs one trial, and closes its run in MLflow when it does not end well.
func (s *trials) runTrial(ctx workflow.Context, i int, spec model.Spec) {
	trial := &s.all[i]
	computing := withOptions(ctx, compute, "try "+string(spec.Algorithm)+" "+string(spec.Hyperparameters))
	folds, repeats := s.in.crossValidation()
	err := workflow.ExecuteActivity(computing, s.acts.RunTrial, activities.RunTrialInput{
		Dataset: s.data, Spec: spec, TestSize: *s.in.TestSize, Share: s.share, Parent: s.run, Name: trial.Name,
		CV: model.CrossValidation{Folds: folds, Repeats: repeats, Seed: spec.Seed},
	}).Get(ctx, &s.tried[i])
	status := activities.RunFailed
	switch {
	case err == nil:
		s.Done++
		tried := s.tried[i]
		score := tried.Scores[string(s.Metric)]
		trial.RunID, trial.Rows, trial.Fits, trial.Score = tried.RunID, tried.Rows, tried.Fits, &score
		return
	case temporal.IsCanceledError(err):
		status = activities.RunKilled
	default:
		s.Done++
		s.Failed++
		s.first = firstError(s.first, err)
	}
	_, reason := Outcome(err)
	trial.Error = clip(reason.Message, longestReason)
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = withOptions(ctx, closing, "close the run of "+trial.Name)
	closeErr := workflow.ExecuteActivity(ctx, s.acts.CloseTrial, activities.CloseTrialInput{
		Parent: s.run, Name: trial.Name, Status: status, Reason: trial.Error,
	}).Get(ctx, nil)
	if closeErr != nil {
		workflow.GetLogger(ctx).Error("closing the MLflow run of a trial", "trial", trial.Name, "error", closeErr)
	}
}

// publish shows in the status how far the trials are. The best is one of those given, which are on the same rows.
func (s *trials) publish(ctx workflow.Context, of []Trial) {
	if best := ranked(of, s.Metric); len(best) > 0 {
		s.Best = &best[0]
	}
	progress := s.SearchProgress
	s.status.Search = &progress
	s.status.Done, s.status.Total = int64(s.Done), int64(s.Total)
	s.status.UpdatedAt = workflow.Now(ctx).UTC()
}

// allFailed is the error of a search without a single score: that of the first trial that failed.
func (s *trials) allFailed() error {
	_, reason := Outcome(s.first)
	message := fmt.Sprintf("all %d trials failed, the first: %s", s.Failed, clip(reason.Message, longestReason))
	var application *temporal.ApplicationError
	kind := activities.ErrBadInput
	if errors.As(s.first, &application) {
		kind = application.Type()
	}
	return temporal.NewNonRetryableApplicationError(message, kind, s.first)
}

// conclude makes the chosen trial's spec that of the training.
func (s *trials) conclude(ctx workflow.Context, from []Trial) error {
	chosen, reason := s.pick(from)
	s.Best = &chosen
	s.publish(ctx, nil)
	spec, err := specsOf([]Trial{chosen}, s.spec)[0].Resolve()
	if err != nil {
		return badInput(err)
	}
	s.spec, s.result.Algorithm = spec, spec.Algorithm
	s.result.Search = &SearchResult{SearchProgress: s.SearchProgress, Reason: reason, Trials: s.all}
	s.note(ctx, "%s", reason)
	s.status.Unit, s.status.Done, s.status.Total = "", 0, 0 // what follows counts otherwise
	at := slices.IndexFunc(s.all, func(t Trial) bool { return t.Name == chosen.Name })
	ctx = withOptions(ctx, quick, "the best trial: "+chosen.Name)
	s.choice = workflow.ExecuteActivity(ctx, s.acts.LogChoice, activities.LogChoiceInput{
		Run: s.run, Spec: spec, Trial: s.tried[at], Reason: reason,
	})
	return nil
}

// pick chooses one of the trials, at least one of which has a score, and says why.
func (s *trials) pick(from []Trial) (Trial, string) {
	scored := ranked(from, s.Metric)
	if s.Method == autoMethod {
		return cheapest(scored)
	}
	best := scored[0]
	return best, fmt.Sprintf(
		"%s: %s %.4f ± %.4f, the best of %d trials",
		best.Name,
		s.Metric,
		best.Score.Mean,
		best.Score.Std,
		s.Done,
	)
}
