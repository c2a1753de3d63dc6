package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/model"
)

// training is the state of a Training.
type training struct {
	*task
	acts     *activities.Activities // nil; only for method references
	in       TrainingInput
	spec     model.Spec
	data     activities.Dataset
	run      activities.Run
	runTried bool            // StartRun was called: a run may exist even if it never answered
	trials   *trials         // of the step that chooses a spec; nil before it, and without trials
	choice   workflow.Future // of LogChoice, which runs beside the fit; nil if no trials were run
	model    activities.TrainedModel
	report   objstore.Ref // of the evaluation
	approval *Approval    // nil until a person decides
	result   TrainingResult
}

// Training validates a dataset, tries specs if the request asks for it, fits a model, evaluates it on the held-out rows
// and registers it as a version. It promotes the version if the gate decides so and, with promote=manual, a person
// approves.
func Training(ctx workflow.Context, in TrainingInput) (TrainingResult, error) {
	base, err := startTask(ctx, in.Model)
	if err != nil {
		return TrainingResult{}, err
	}
	t := &training{task: base, in: in}
	if err := workflow.SetQueryHandler(ctx, LeaderboardQuery, t.leaderboard); err != nil {
		return TrainingResult{}, err
	}
	if err := t.takeVerdicts(ctx); err != nil {
		return TrainingResult{}, err
	}
	err = t.steps(ctx)
	t.close(ctx, err)
	if err != nil {
		return TrainingResult{}, err
	}
	return t.result, nil
}

func (t *training) steps(ctx workflow.Context) error {
	for _, step := range []struct {
		stage string
		do    func(workflow.Context) error
	}{
		{"check the request", t.check},
		{"validate the dataset", t.validate},
		{"start the MLflow run", t.startRun},
		{"", t.choose},
		{"train the model", t.train},
		{"evaluate the model", t.evaluate},
		{"register the version", t.register},
		{"decide on promotion", t.promote},
	} {
		if step.stage != "" { // choose sets its own stage, if it has work to do
			t.stage(ctx, step.stage)
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *training) check(ctx workflow.Context) (err error) {
	if t.in, t.spec, err = t.in.Resolve(); err != nil {
		return badInput(err)
	}
	if workflow.GetVersion(ctx, changeLimits, workflow.DefaultVersion, 1) == 1 {
		if err := t.in.CheckLimits(); err != nil {
			return badInput(err)
		}
	}
	t.result.Model, t.result.Algorithm = t.in.Model, t.spec.Algorithm
	return nil
}

func (t *training) validate(ctx workflow.Context) error {
	ctx = withOptions(ctx, transfer, "read "+sourceName(t.in.DatasetURI))
	in := activities.ValidateDatasetInput{
		Model: t.in.Model, URI: t.in.DatasetURI, LabelColumn: t.in.LabelColumn, AllowSchemaChange: t.in.AllowSchemaChange,
		Features: t.in.Features, ClassWeight: t.in.ClassWeight, TestSize: *t.in.TestSize,
		CrossValidated: t.in.CrossValidates(), Reading: t.in.Reading,
		CellRules: t.in.CellRules, LeaveOutIDs: t.in.LeavesOutIDs(), DecisionRequest: t.in.DecisionRequest,
	}
	if t.in.method() == "" {
		in.Spec = &t.spec
	}
	err := workflow.ExecuteActivity(ctx, t.acts.ValidateDataset, in).Get(ctx, &t.data)
	if err != nil {
		return err
	}
	t.result.setDataset(t.data.SHA256)
	t.note(ctx, t.data.Findings)
	t.data.Findings = nil // the inputs of the later activities do not repeat them
	t.logf(
		ctx,
		"dataset %.12s: %d rows, %d features, %d classes",
		t.data.SHA256,
		t.data.Rows,
		t.data.Features,
		t.data.Classes,
	)
	return nil
}

// note shows what the dataset is like.
func (t *training) note(ctx workflow.Context, f *Findings) {
	t.status.Data, t.result.Data = f, f
	if f == nil { // of an older worker
		return
	}
	t.logf(ctx, "the class column is %q: %s", f.LabelColumn, f.LabelReason)
	t.logWarnings(ctx, f.Warnings)
}

// noteMore adds warnings to what the dataset is like.
func (t *training) noteMore(ctx workflow.Context, warnings []dataset.Warning) {
	if t.status.Data == nil || len(warnings) == 0 {
		return
	}
	f := t.status.Data.With(warnings)
	t.status.Data, t.result.Data = f, f
	t.logWarnings(ctx, warnings)
}

func (t *training) logWarnings(ctx workflow.Context, warnings []dataset.Warning) {
	for _, w := range warnings {
		t.logf(ctx, "%s %s: %s", w.Severity, w.Column, w.Message)
	}
}

func (t *training) startRun(ctx workflow.Context) error {
	t.runTried = true
	ctx = withOptions(ctx, quick, "run in experiment "+t.in.Model)
	err := workflow.ExecuteActivity(ctx, t.acts.StartRun, activities.StartRunInput{
		Model:    t.in.Model,
		Dataset:  t.data,
		Spec:     t.spec,
		TestSize: *t.in.TestSize,
		Search:   t.in.searchParams(),
		Tags:     t.in.Tags,
	}).Get(ctx, &t.run)
	t.warnAll(ctx, t.run.Warnings)
	t.run.Warnings = nil // t.run is part of later inputs
	t.result.RunID, t.result.ExperimentID = t.run.ID, t.run.ExperimentID
	return err
}

func (t *training) train(ctx workflow.Context) error {
	ctx = withOptions(ctx, compute, "fit "+string(t.spec.Algorithm))
	err := workflow.ExecuteActivity(ctx, t.acts.TrainModel, activities.TrainModelInput{
		Dataset: t.data, Spec: t.spec, TestSize: *t.in.TestSize, Run: t.run, Decision: t.in.decide(),
	}).Get(ctx, &t.model)
	if choiceErr := t.awaitChoice(ctx); err == nil {
		err = choiceErr
	}
	if err != nil {
		return err
	}
	t.result.TrainRows, t.result.TestRows = t.model.TrainRows, t.model.TestRows
	t.logf(ctx, "fitted on %d rows, %d held out", t.model.TrainRows, t.model.TestRows)
	if d := t.model.Decision; d != nil {
		t.result.Decision = d
		t.logf(ctx, "a row is %s from a probability of %.4g on", clip(d.PositiveClass, 100), d.Threshold)
	}
	t.noteMore(ctx, t.model.Shift)
	return nil
}

// changeChoice is the change that LogChoice may fail.
const changeChoice = "choice-may-fail"

// awaitChoice waits until MLflow shows the choice of a search. A failure is a warning: no later step needs it.
func (t *training) awaitChoice(ctx workflow.Context) error {
	if t.choice == nil {
		return nil
	}
	err := t.choice.Get(ctx, nil)
	switch {
	case err == nil:
		return nil
	case temporal.IsCanceledError(err),
		workflow.GetVersion(ctx, changeChoice, workflow.DefaultVersion, 1) == workflow.DefaultVersion:
		return err
	}
	t.warn(ctx, "MLflow does not show the choice of the search", err)
	return nil
}

func (t *training) evaluate(ctx workflow.Context) error {
	var evaluation activities.Evaluation
	ctx = withOptions(ctx, compute, "score the held-out rows")
	err := workflow.ExecuteActivity(ctx, t.acts.EvaluateModel, activities.EvaluateModelInput{
		Dataset: t.data, Model: t.model, Run: t.run,
	}).Get(ctx, &evaluation)
	if err != nil {
		return err
	}
	t.warnAll(ctx, evaluation.Warnings)
	t.result.Metrics, t.result.Intervals, t.report = evaluation.Metrics, evaluation.Intervals, evaluation.Report
	t.logf(
		ctx,
		"accuracy %.4f, log loss %.4f on %d held-out rows",
		evaluation.Metrics["accuracy"],
		evaluation.Metrics["log_loss"],
		t.model.TestRows,
	)
	return nil
}

func (t *training) register(ctx workflow.Context) error {
	var version activities.RegisteredVersion
	ctx = withOptions(ctx, quick, "new version of "+t.in.Model)
	err := workflow.ExecuteActivity(ctx, t.acts.RegisterModel, activities.RegisterModelInput{
		ModelName:         t.in.Model,
		Dataset:           t.data,
		Spec:              t.spec,
		Model:             t.model,
		Run:               t.run,
		Metrics:           t.result.Metrics,
		Intervals:         t.result.Intervals,
		Report:            t.report,
		AllowSchemaChange: t.in.AllowSchemaChange,
		Tags:              t.in.Tags,
	}).Get(ctx, &version)
	if err != nil {
		return err
	}
	t.warnAll(ctx, version.Warnings)
	t.result.Version, t.result.ModelID = version.Number, version.URI
	t.logf(ctx, "registered %s", version.URI)
	return nil
}

// promote asks the gate and, if the request wants it, a person, then promotes the version after the other promotions of
// the model. If another version has become the champion meanwhile, it asks the gate again about that one.
func (t *training) promote(ctx workflow.Context) error {
	for {
		gate, err := t.askGate(ctx)
		if err != nil {
			return err
		}
		if gate, err = t.settle(ctx, gate); err != nil || gate.Decision != Promoted {
			return err
		}
		promotion, err := promoteInTurn(ctx, PromotionInput{
			Model: t.in.Model, Version: t.result.Version, Expected: &gate.Comparison.Champion,
			Actor: t.actor(), Reason: gate.Reason,
		})
		if err != nil || promotion.Promoted {
			return err
		}
		t.logf(ctx, "version %s became the champion meanwhile", promotion.From)
	}
}

// settle turns the decision of the gate into the final one, by the policy and, if needed, a person's verdict.
func (t *training) settle(ctx workflow.Context, gate Gate) (Gate, error) {
	t.result.Gate = gate.applyPolicy(t.in.Promote)
	t.logf(ctx, "%s: %s", t.result.Gate.Decision, t.result.Gate.Reason)
	if t.result.Gate.Decision != Waiting {
		return t.result.Gate, nil
	}
	if err := t.awaitApproval(ctx); err != nil {
		return t.result.Gate, err
	}
	t.result.Gate = t.result.Gate.applyApproval(t.approval)
	t.logf(ctx, "%s: %s", t.result.Gate.Decision, t.result.Gate.Reason)
	return t.result.Gate, nil
}

// actor returns who promotes, for the history of the model.
func (t *training) actor() string {
	if t.approval != nil {
		return t.approval.Name
	}
	return t.status.TaskID
}

func (t *training) askGate(ctx workflow.Context) (Gate, error) {
	var comparison activities.Comparison
	ctx = withOptions(ctx, compute, "compare with the champion")
	err := workflow.ExecuteActivity(ctx, t.acts.CompareWithChampion, activities.CompareInput{
		ModelName: t.in.Model, Dataset: t.data, Model: t.model, Version: t.result.Version,
	}).Get(ctx, &comparison)
	var rules GateRules
	if t.in.Gate != nil {
		rules = *t.in.Gate
	}
	return Decide(rules, t.result.Metrics, comparison), err
}

// close ends the run in MLflow, so that none stays RUNNING, and then the task: a task that reports its end has closed
// its run.
func (t *training) close(ctx workflow.Context, cause error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // also for a task that was cancelled
	if t.runTried {
		t.finishRun(ctx, cause)
	}
	if cause == nil {
		t.status.Training = &t.result
	}
	t.save(t.end(ctx, cause))
}

// finishRun ends the run in MLflow. A failure is a warning; the sweep ends the run later.
func (t *training) finishRun(ctx workflow.Context, cause error) {
	state, failed := Outcome(cause)
	in := activities.FinishRunInput{
		Model:   t.in.Model,
		Run:     t.run,
		Status:  runStatus(state),
		Version: t.result.Version,
	}
	switch {
	case cause == nil:
		in.Gate, in.Reason = string(t.result.Gate.Decision), t.result.Gate.Reason
		t.stage(ctx, "close the MLflow run")
	case t.result.Gate.Decision == Waiting:
		in.Gate, in.Reason = string(Rejected), "cancelled while it waited for approval"
	default:
		in.Reason = failed.Message
	}
	closingCtx := withOptions(ctx, closing, "close the MLflow run")
	var finished activities.FinishedRun
	if err := workflow.ExecuteActivity(closingCtx, t.acts.FinishRun, in).Get(ctx, &finished); err != nil {
		t.warn(ctx, "the run in MLflow is not closed", err)
	}
	t.warnAll(ctx, finished.Warnings)
}

func runStatus(s State) mlflow.RunStatus {
	switch s {
	case Success:
		return mlflow.RunFinished
	case Revoked:
		return mlflow.RunKilled
	default:
		return mlflow.RunFailed
	}
}

func sourceName(uri string) string {
	if uri == "" {
		return "the bundled iris data"
	}
	return uri
}
