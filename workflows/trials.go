package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/search"
	"iris/model"
)

// maxTrialsQueued limits how many trials of one search wait for a compute slot, so that a large search leaves room in
// the queue for other tasks.
const maxTrialsQueued = 16

// maxTrialReason limits the message of a failed trial, in bytes, so that the result of a search stays small.
const maxTrialReason = 300

// SearchProgress is the progress of a search.
type SearchProgress struct {
	Method search.Method `json:"method"`
	Metric search.Metric `json:"metric"`
	Total  int           `json:"total"` // trials
	Done   int           `json:"done"`  // includes failed trials
	Failed int           `json:"failed"`
	Best   *search.Trial `json:"best,omitempty"` // so far, of the latest round
	// TimeOver says that max_runtime_seconds ended the trials, so that another run may choose otherwise.
	TimeOver bool `json:"time_over,omitempty"`
}

// SearchResult is the result of a search. Best is the chosen trial.
type SearchResult struct {
	SearchProgress
	Reason string         `json:"reason"` // of the choice, in words
	Trials []search.Trial `json:"trials"`
	// Ensemble compares the best trial of auto with an ensemble of the trials of the last round. The ensemble was chosen
	// if the algorithm of its spec is "ensemble".
	Ensemble *search.Combined `json:"ensemble,omitempty"`
}

// trials is the state of the step that chooses a spec. It executes a search.Plan.
type trials struct {
	*training
	SearchProgress
	plan  *search.Plan
	share float64 // of the rows for training, in the present round
	all   []search.Trial
	tried []activities.TriedSpec // one per trial of all
	given []bool                 // which trials of all have been given to workers
	first error                  // of the failed trials
	clock trialClock
	holds bool // trials of the last round keep their predictions
	hold  bool // those of the present round do
}

// choose runs trials to find the spec to fit, if the request asks for them.
func (t *training) choose(ctx workflow.Context) error {
	method := t.in.method()
	if method == "" {
		return nil
	}
	s := &trials{training: t, SearchProgress: SearchProgress{Method: method, Metric: t.in.metric()}}
	t.stage(ctx, "try candidates")
	t.status.Unit = "trials"
	t.trials = s
	err := s.makePlan(ctx)
	if err == nil {
		err = s.rounds(ctx)
	}
	s.publish(ctx, nil)
	if err != nil {
		t.status.Trials = s.all // a result has them if there is one
		return err
	}
	return s.conclude(ctx)
}

// changeSamples is the change that auto first tries its specs on samples of a large table. Version 2 has smaller tables
// and more finalists.
const changeSamples = "auto-tries-on-samples"

// makePlan plans the trials. It records the specs of auto, because another version of the program may have other
// families.
func (s *trials) makePlan(ctx workflow.Context) error {
	switch s.Method {
	case search.AutoMethod:
		return s.planAuto(ctx)
	case search.ValidateMethod:
		s.plan = search.PlanSpecs(s.Method, s.spec, []model.Spec{s.spec})
	default:
		base := s.spec
		base.Hyperparameters = s.in.Hyperparameters
		rows := int(float64(s.data.Rows) * (1 - *s.in.TestSize))
		s.plan = s.in.Search.Plan(base, rows, s.data.Classes)
	}
	return nil
}

// planAuto plans the trials of auto.
func (s *trials) planAuto(ctx workflow.Context) error {
	base := s.spec
	size := search.AutoSize{
		Rows: s.data.Rows, Train: int(float64(s.data.Rows) * (1 - *s.in.TestSize)), Classes: s.data.Classes,
	}
	if s.in.MaxTrials != nil {
		size.Trials = *s.in.MaxTrials
	}
	var specs []model.Spec
	err := workflow.SideEffect(ctx, func(workflow.Context) any { return search.AutoSpecs(base, size) }).Get(&specs)
	s.holds = workflow.GetVersion(ctx, changeEnsemble, workflow.DefaultVersion, 1) == 1
	s.plan = search.PlanSpecs(s.Method, base, specs)
	if size.Samples() {
		version := workflow.GetVersion(ctx, changeSamples, workflow.DefaultVersion, 2)
		size.Older = version == 1
		if version != workflow.DefaultVersion {
			s.plan = search.PlanAuto(base, specs, size)
		}
	}
	return err
}

// rounds runs the rounds of the plan.
func (s *trials) rounds(ctx workflow.Context) error {
	stop := s.startClock(ctx)
	defer stop()
	for {
		s.Total = s.plan.Total()
		round := s.plan.Round()
		if round.Of > 1 {
			s.logf(ctx, "rung %d of %d: %d trials on %.3g %% of the rows",
				round.Number, round.Of, len(round.Trials), 100*round.Share)
		}
		results, err := s.try(ctx, round)
		if err != nil {
			return err
		}
		if s.TimeOver {
			s.plan.Stop(results)
			return nil
		}
		if len(search.Rank(results, s.Metric)) == 0 {
			return s.allFailed()
		}
		if !s.plan.Next(results) {
			return nil
		}
	}
}

// try runs one RunTrial per spec and returns the results. A failed trial is a result; only a cancel is an error.
func (s *trials) try(ctx workflow.Context, round search.Round) ([]search.Trial, error) {
	from := len(s.all)
	s.share = round.Share
	s.hold = s.holds && round.Number == round.Of &&
		round.Share*float64(s.data.Rows*s.data.Classes) <= maxHeldOut
	s.all = append(s.all, round.Trials...)
	s.tried = append(s.tried, make([]activities.TriedSpec, len(round.Trials))...)
	s.given = append(s.given, make([]bool, len(round.Trials))...)
	now := s.all[from:]
	s.publish(ctx, now)
	timed := s.clock.context(ctx)
	slots := workflow.NewSemaphore(ctx, maxTrialsQueued)
	running := workflow.NewWaitGroup(ctx)
	for i := range now {
		if err := slots.Acquire(timed, 1); err != nil || s.TimeOver {
			break // cancelled
		}
		s.given[from+i] = true
		running.Add(1)
		workflow.Go(timed, func(ctx workflow.Context) {
			defer running.Done()
			defer slots.Release(1)
			s.runTrial(ctx, from+i, round.Specs[i])
			s.publish(ctx, now)
		})
	}
	// Running trials end on their own, also after a cancel. The wait for them must not be cancelled.
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	running.Wait(disconnected)
	if s.TimeOver {
		s.stopTrials(now)
	}
	return now, ctx.Err()
}

// runTrial runs one trial. If the trial fails or is cancelled, it closes the trial's run in MLflow.
func (s *trials) runTrial(ctx workflow.Context, i int, spec model.Spec) {
	trial := &s.all[i]
	computing := withOptions(ctx, compute, "try "+string(spec.Algorithm)+" "+string(spec.Hyperparameters))
	folds, repeats := s.in.crossValidation()
	err := workflow.ExecuteActivity(computing, s.acts.RunTrial, activities.RunTrialInput{
		Dataset: s.data, Spec: spec, TestSize: *s.in.TestSize, Share: s.share, Parent: s.run, Name: trial.Name,
		CV:   model.CrossValidation{Folds: folds, Repeats: repeats, Seed: spec.Seed},
		Hold: s.hold,
	}).Get(ctx, &s.tried[i])
	status := mlflow.RunFailed
	switch {
	case err == nil:
		s.Done++
		tried := s.tried[i]
		s.warnAll(ctx, tried.Warnings)
		s.tried[i].Warnings = nil // LogChoice gets it
		trial.RunID, trial.Rows, trial.Seconds = tried.RunID, tried.Rows, tried.Seconds
		trial.Succeed(tried.Validated, s.Metric)
		s.checkClock(ctx)
		return
	case temporal.IsCanceledError(err):
		status = mlflow.RunKilled
	default:
		s.Done++
		s.Failed++
		s.first = cmp.Or(s.first, err)
	}
	_, reason := Outcome(err)
	trial.Error = clip(reason.Message, maxTrialReason)
	trial.Stopped = status == mlflow.RunKilled
	if trial.Stopped && s.TimeOver {
		trial.Error = timeOver
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = withOptions(ctx, closing, "close the run of "+trial.Name)
	closeErr := workflow.ExecuteActivity(ctx, s.acts.CloseTrial, activities.CloseTrialInput{
		Parent: s.run, Name: trial.Name, Status: status, Reason: trial.Error,
	}).Get(ctx, nil)
	if closeErr != nil {
		workflow.GetLogger(ctx).Error("closing the MLflow run of a trial", "trial", trial.Name, "error", closeErr)
	}
}

// publish updates the progress in the status. The best is chosen among the trials of one round, which use the same
// rows.
func (s *trials) publish(ctx workflow.Context, round []search.Trial) {
	if best := search.Rank(round, s.Metric); len(best) > 0 {
		s.Best = &best[0]
	}
	progress := s.SearchProgress
	s.status.Search = &progress
	s.status.Done, s.status.Total = int64(s.Done), int64(s.Total)
	s.status.UpdatedAt = workflow.Now(ctx).UTC()
}

// allFailed returns the error of a search without a score, which quotes the first failed trial.
func (s *trials) allFailed() error {
	_, reason := Outcome(s.first)
	message := fmt.Sprintf("all %d trials failed, the first: %s", s.Failed, clip(reason.Message, maxTrialReason))
	var application *temporal.ApplicationError
	kind := activities.ErrBadInput
	if errors.As(s.first, &application) {
		kind = application.Type()
	}
	return temporal.NewNonRetryableApplicationError(message, kind, s.first)
}

// conclude makes the spec of the chosen trial, or of an ensemble of trials, the spec of the training.
func (s *trials) conclude(ctx workflow.Context) error {
	chosen, reason := s.plan.Choose()
	combined, err := s.combine(ctx, chosen)
	if err != nil {
		return err
	}
	spec := chosen.Spec(s.spec)
	if combined != nil && combined.Spec.Algorithm == model.Ensemble {
		chosen, spec, reason = combined.Trial, combined.Spec, combined.Reason
	}
	if s.TimeOver {
		reason += s.cutShort()
	}
	s.Best = &chosen
	s.publish(ctx, nil)
	if spec, err = spec.Resolve(); err != nil {
		return badInput(err)
	}
	s.spec, s.result.Algorithm = spec, spec.Algorithm
	s.result.Search = &SearchResult{
		SearchProgress: s.SearchProgress, Reason: reason, Trials: s.all, Ensemble: combined,
	}
	s.logf(ctx, "%s", reason)
	s.status.Unit, s.status.Done, s.status.Total = "", 0, 0 // the next steps do not count trials
	at := slices.IndexFunc(s.all, func(t search.Trial) bool { return t.Name == chosen.Name })
	tried := s.tried[at]
	tried.HeldOut = nil
	if spec.Algorithm == model.Ensemble {
		tried.Validated = combinedScores(tried.Validated, s.Metric, *combined)
	}
	ctx = withOptions(ctx, notes, "the best trial: "+chosen.Name)
	s.choice = workflow.ExecuteActivity(ctx, s.acts.LogChoice, activities.LogChoiceInput{
		Run: s.run, Spec: spec, Trial: tried, Reason: reason,
	})
	return nil
}

// clip shortens text from elsewhere. The result is UTF-8: Temporal accepts no other message.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
