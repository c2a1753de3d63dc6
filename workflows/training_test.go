package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
	"iris/workflows"
)

var (
	trainingData = activities.Dataset{SHA256: strings.Repeat("ab", 32), Rows: 150, Features: 4, Classes: 3}
	trainingRun  = activities.Run{ID: "run-1", ExperimentID: "7"}
	fitted       = activities.TrainedModel{
		Artifact:  objstore.Ref{Bucket: "iris", Key: "trainings/run-1/model.json"},
		TrainRows: 110,
		TestRows:  40,
	}
)

// onTraining mocks every activity up to the registered version.
func onTraining(e *environment) {
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
	e.OnActivity(acts.StartRun, mock.Anything, mock.Anything).Return(trainingRun, nil)
	e.OnActivity(acts.TrainModel, mock.Anything, mock.Anything).Return(fitted, nil)
	e.OnActivity(acts.EvaluateModel, mock.Anything, mock.Anything).
		Return(activities.Evaluation{Metrics: map[string]float64{"accuracy": 0.95}}, nil)
	e.OnActivity(acts.RegisterModel, mock.Anything, mock.Anything).
		Return(activities.RegisteredVersion{Number: "3", URI: "models:/iris/3"}, nil)
}

// onFinish expects the run in MLflow to end with status.
func onFinish(e *environment, status mlflow.RunStatus) {
	e.OnActivity(acts.FinishRun, mock.Anything, mock.MatchedBy(func(in activities.FinishRunInput) bool {
		return in.Status == status
	})).
		Return(activities.FinishedRun{}, nil).
		Once()
}

func TestTraining_promotesWhatIsNotWorse(t *testing.T) {
	tests := map[string]struct {
		comparison activities.Comparison
		expected   string // champion the promotion must expect
	}{
		"first version": {activities.Comparison{}, ""},
		"better": {
			activities.Comparison{Champion: "2", Comparable: true, Rows: 40, CandidateAccuracy: 0.95, ChampionAccuracy: 0.9},
			"2",
		},
		"just as good": {
			activities.Comparison{Champion: "2", Comparable: true, Rows: 40, CandidateAccuracy: 0.9, ChampionAccuracy: 0.9},
			"2",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			onTraining(e)
			onFinish(e, mlflow.RunFinished)
			e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).Return(test.comparison, nil).Once()
			e.OnActivity(acts.PromoteVersion, mock.Anything, mock.MatchedBy(func(in registry.Promotion) bool {
				return in.Version == "3" && in.Expected != nil && *in.Expected == test.expected &&
					in.Actor == "default-test-workflow-id"
			})).Return(activities.PromotionResult{Promoted: true, From: test.expected, At: noon}, nil).Once()

			e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})

			if err := e.GetWorkflowError(); err != nil {
				t.Fatal(err)
			}
			var result workflows.TrainingResult
			if err := e.GetWorkflowResult(&result); err != nil {
				t.Fatal(err)
			}
			if result.Gate.Decision != workflows.Promoted || result.Version != "3" || result.RunID != "run-1" ||
				result.Dataset != trainingData.SHA256 {
				t.Errorf("result %+v, want version 3 of run-1 promoted", result)
			}
			s := e.last(t)
			if s.Type != workflows.TrainingType || s.State != workflows.Success || s.Training == nil || s.EndedAt == nil {
				t.Errorf("saved status %+v, want a success with its result", s)
			}
		})
	}
}

func TestTraining_leavesTheChampion(t *testing.T) {
	tests := map[string]struct {
		comparison activities.Comparison
		want       workflows.Decision
	}{
		"worse": {
			activities.Comparison{Champion: "2", Comparable: true, Rows: 40, CandidateAccuracy: 0.8, ChampionAccuracy: 0.9},
			workflows.Kept,
		},
		"not comparable": {activities.Comparison{Champion: "2", Why: "its features are others"}, workflows.NeedsApproval},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			onTraining(e)
			e.OnActivity(acts.FinishRun, mock.Anything, mock.MatchedBy(func(in activities.FinishRunInput) bool {
				return in.Status == mlflow.RunFinished && in.Gate == string(test.want) && in.Reason != ""
			})).Return(activities.FinishedRun{}, nil).Once()
			e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).Return(test.comparison, nil).Once()

			e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})

			if err := e.GetWorkflowError(); err != nil {
				t.Fatalf("the training failed: %v, want it to succeed without a promotion", err)
			}
			var result workflows.TrainingResult
			if err := e.GetWorkflowResult(&result); err != nil {
				t.Fatal(err)
			}
			if result.Gate.Decision != test.want {
				t.Errorf("decision %q, want %q", result.Gate.Decision, test.want)
			}
		})
	}
}

func TestTraining_passesGateAndTagsOn(t *testing.T) {
	tags := map[string]string{"team": "botany"}
	e := newEnvironment(t)
	e.OnActivity(acts.StartRun, mock.Anything, mock.MatchedBy(func(in activities.StartRunInput) bool {
		return in.Tags["team"] == "botany"
	})).
		Return(trainingRun, nil).
		Once()
	e.OnActivity(acts.RegisterModel, mock.Anything, mock.MatchedBy(func(in activities.RegisterModelInput) bool {
		return in.Tags["team"] == "botany"
	})).
		Return(activities.RegisteredVersion{Number: "3", URI: "models:/iris/3"}, nil).
		Once()
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
	e.OnActivity(acts.TrainModel, mock.Anything, mock.Anything).Return(fitted, nil)
	e.OnActivity(acts.EvaluateModel, mock.Anything, mock.Anything).
		Return(activities.Evaluation{Metrics: map[string]float64{"accuracy": 0.95}}, nil)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).Return(activities.Comparison{}, nil).Once()
	onFinish(e, mlflow.RunFinished)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{
		Model:     "iris",
		Algorithm: model.LogisticRegression,
		Tags:      tags,
		Gate:      &workflows.GateRules{Min: map[string]float64{"accuracy": 0.99}},
	})
	var result workflows.TrainingResult
	if err := e.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	if result.Gate.Decision != workflows.Kept || !strings.Contains(result.Gate.Reason, "under the minimum of 0.99") {
		t.Errorf("gate %+v, want the first version not promoted, because of the minimum", result.Gate)
	}
}

func TestTraining_asksTheGateAgainWhenTheChampionChanged(t *testing.T) {
	e := newEnvironment(t)
	onTraining(e)
	onFinish(e, mlflow.RunFinished)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
		Return(activities.Comparison{Champion: "1", Comparable: true, CandidateAccuracy: 0.9, ChampionAccuracy: 0.8}, nil).
		Once()
	e.OnActivity(acts.PromoteVersion, mock.Anything, mock.Anything).
		Return(activities.PromotionResult{From: "2"}, nil).
		Once()
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
		Return(activities.Comparison{Champion: "2", Comparable: true, CandidateAccuracy: 0.9, ChampionAccuracy: 0.99}, nil).
		Once()

	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})

	var result workflows.TrainingResult
	if err := e.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	if result.Gate.Decision != workflows.Kept || result.Gate.Comparison.Champion != "2" {
		t.Errorf("gate %+v, want the decision against champion 2: kept", result.Gate)
	}
}

// A promotion that is stuck must not make the history of the next training grow without end.
func TestTraining_promotesBesideAStuckPromotion(t *testing.T) {
	for name, test := range map[string]struct {
		version        workflow.Version
		refused, waits int
		id             string // of the promotion
	}{
		"new":                  {1, 12, 11, "promotion-iris-for-default-test-workflow-id"},
		"of an earlier worker": {workflow.DefaultVersion, 30, 30, "promotion-iris"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			onTraining(e)
			onFinish(e, mlflow.RunFinished)
			e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).Return(activities.Comparison{}, nil)
			e.OnGetVersion("promotion-of-its-own", workflow.DefaultVersion, workflow.Version(1)).Return(test.version)
			e.OnWorkflow(workflows.Promotion, mock.Anything, mock.Anything).
				Return(workflows.PromotionResult{}, &temporal.ChildWorkflowExecutionAlreadyStartedError{}).Times(test.refused)
			waits, id := 0, ""
			e.SetOnTimerScheduledListener(func(string, time.Duration) { waits++ })
			e.OnWorkflow(workflows.Promotion, mock.Anything, mock.Anything).
				Return(func(ctx workflow.Context, _ workflows.PromotionInput) (workflows.PromotionResult, error) {
					id = workflow.GetInfo(ctx).WorkflowExecution.ID
					return workflows.PromotionResult{Promoted: true, To: "3"}, nil
				}).
				Once()

			e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})

			if err := e.GetWorkflowError(); err != nil {
				t.Fatal(err)
			}
			if waits != test.waits || id != test.id {
				t.Errorf("waited %d times and promoted as %s, want %d and %s", waits, id, test.waits, test.id)
			}
		})
	}
}

func TestTraining_waitsItsTurnToPromote(t *testing.T) {
	e := newEnvironment(t)
	onTraining(e)
	onFinish(e, mlflow.RunFinished)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).Return(activities.Comparison{}, nil)
	e.OnWorkflow(workflows.Promotion, mock.Anything, mock.Anything).
		Return(workflows.PromotionResult{}, &temporal.ChildWorkflowExecutionAlreadyStartedError{}).Times(3)
	e.OnWorkflow(workflows.Promotion, mock.Anything, mock.Anything).
		Return(workflows.PromotionResult{Promoted: true, To: "3"}, nil).
		Once()
	var waits []time.Duration
	e.SetOnTimerScheduledListener(func(_ string, d time.Duration) { waits = append(waits, d) })

	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})

	if err := e.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	want := []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}
	if len(waits) != len(want) {
		t.Fatalf("waited %v, want %v", waits, want)
	}
	for i := range want {
		if waits[i] != want[i] {
			t.Errorf("waited %v, want %v", waits, want)
		}
	}
}

func TestTraining_refusesBadInput(t *testing.T) {
	tests := map[string]struct {
		in   workflows.TrainingInput
		want string
	}{
		"no model":          {workflows.TrainingInput{}, "/model"},
		"reserved name":     {workflows.TrainingInput{Model: "tasks"}, "/model"},
		"test size":         {workflows.TrainingInput{Model: "iris", TestSize: new(1.5)}, "/test_size"},
		"policy":            {workflows.TrainingInput{Model: "iris", Promote: "sometimes"}, "/promote"},
		"local path":        {workflows.TrainingInput{Model: "iris", DatasetURI: "/etc/passwd"}, "/dataset"},
		"unknown algorithm": {workflows.TrainingInput{Model: "iris", Algorithm: "astrology"}, "/algorithm"},
		"minimum": {
			workflows.TrainingInput{Model: "iris", Gate: &workflows.GateRules{Min: map[string]float64{"accuracy": 2}}},
			"/gate/min/accuracy",
		},
		"maximum": {
			workflows.TrainingInput{Model: "iris", Gate: &workflows.GateRules{Max: map[string]float64{"log_loss": -1}}},
			"/gate/max/log_loss",
		},
		"tag with NUL": {workflows.TrainingInput{Model: "iris", Tags: map[string]string{"a": "\x00"}}, "/tags/a"},
		"hyperparameter": {
			workflows.TrainingInput{
				Model:           "iris",
				Algorithm:       model.LogisticRegression,
				Hyperparameters: json.RawMessage(`{"depth":1}`),
			},
			"/hyperparameters",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			e.ExecuteWorkflow(workflows.Training, test.in)
			errorType, message := applicationError(t, e.GetWorkflowError())
			if errorType != activities.ErrBadInput || !strings.Contains(message, test.want) {
				t.Errorf("failed with %s: %s, want BadInput naming %s", errorType, message, test.want)
			}
			if s := e.last(t); s.State != workflows.Failure || s.Error == nil || s.Error.Message != message {
				t.Errorf("saved status %+v, want the same failure", s)
			}
		})
	}
}

func TestTraining_closesTheRunWhenAStepFails(t *testing.T) {
	bad := temporal.NewNonRetryableApplicationError("line 7: 3 values, want 5", activities.ErrBadDataset, nil)
	fails := func(activity, result any) func(*environment) {
		return func(e *environment) { e.OnActivity(activity, mock.Anything, mock.Anything).Return(result, bad) }
	}
	tests := map[string]struct {
		fail      func(*environment)
		runOpened bool
	}{
		"validation": {fails(acts.ValidateDataset, activities.Dataset{}), false},
		"run": {
			fails(acts.StartRun, activities.Run{}),
			true,
		}, // the run may be open although StartRun never answered
		"fit":          {fails(acts.TrainModel, activities.TrainedModel{}), true},
		"evaluation":   {fails(acts.EvaluateModel, activities.Evaluation{}), true},
		"registration": {fails(acts.RegisterModel, activities.RegisteredVersion{}), true},
		"comparison":   {fails(acts.CompareWithChampion, activities.Comparison{}), true},
		"promotion":    {fails(acts.PromoteVersion, activities.PromotionResult{}), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			test.fail(e)
			for _, earlier := range []struct {
				activity any
				result   any
			}{
				{acts.ValidateDataset, trainingData},
				{acts.StartRun, trainingRun},
				{acts.TrainModel, fitted},
				{acts.EvaluateModel, activities.Evaluation{}},
				{acts.RegisterModel, activities.RegisteredVersion{Number: "3"}},
				{acts.CompareWithChampion, activities.Comparison{}},
			} {
				e.OnActivity(earlier.activity, mock.Anything, mock.Anything).Maybe().Return(earlier.result, nil)
			}
			if test.runOpened {
				onFinish(e, mlflow.RunFailed)
			}
			e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
			errorType, message := applicationError(t, e.GetWorkflowError())
			if errorType != activities.ErrBadDataset || message != "line 7: 3 values, want 5" {
				t.Errorf("failed with %s: %s, want the activity's own error", errorType, message)
			}
			if s := e.last(t); s.State != workflows.Failure || s.Error.Type != activities.ErrBadDataset {
				t.Errorf("saved status %+v, want FAILURE by BadDataset", s)
			}
		})
	}
}

func TestTraining_retriesOutages(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).
		Return(activities.Dataset{}, errors.New("connection refused")).
		Times(5)
	onTraining(e)
	onFinish(e, mlflow.RunFinished)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
		Return(activities.Comparison{Champion: "1", Why: "x"}, nil)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
	if err := e.GetWorkflowError(); err != nil {
		t.Errorf("five refused connections failed the training: %v", err)
	}
}

func TestTraining_cancelKillsTheRun(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
	e.OnActivity(acts.StartRun, mock.Anything, mock.Anything).Return(trainingRun, nil)
	e.OnActivity(acts.TrainModel, mock.Anything, mock.Anything).
		Return(activities.TrainedModel{}, temporal.NewCanceledError()).
		After(time.Hour)
	onFinish(e, mlflow.RunKilled)
	e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
	if err := e.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, want a cancellation", err)
	}
	if s := e.last(t); s.State != workflows.Revoked || s.Error.Type != "Cancelled" {
		t.Errorf("saved status %+v, want REVOKED", s)
	}
}

func TestTraining_answersTheStatusQuery(t *testing.T) {
	e := newEnvironment(t)
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(trainingData, nil)
	e.OnActivity(acts.StartRun, mock.Anything, mock.Anything).Return(trainingRun, nil)
	e.OnActivity(acts.TrainModel, mock.Anything, mock.Anything).Return(fitted, nil).After(time.Hour)
	e.OnActivity(acts.EvaluateModel, mock.Anything, mock.Anything).Return(activities.Evaluation{}, nil)
	e.OnActivity(acts.RegisterModel, mock.Anything, mock.Anything).Return(activities.RegisteredVersion{Number: "3"}, nil)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
		Return(activities.Comparison{Champion: "1", Why: "x"}, nil)
	onFinish(e, mlflow.RunFinished)
	var during workflows.Status
	e.RegisterDelayedCallback(func() { during = e.status(t) }, time.Minute)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
	if during.State != workflows.Started || during.Stage != "train the model" || during.Model != "iris" ||
		during.EndedAt != nil {
		t.Errorf("status while training: %+v, want STARTED at train the model", during)
	}
	if after := e.status(t); after.State != workflows.Success || after.Training == nil {
		t.Errorf("status afterwards: %+v, want SUCCESS with the result", after)
	}
}

// What the fit finds about the rows joins what the validation found.
func TestTraining_warnsOfAShift(t *testing.T) {
	e := newEnvironment(t)
	data, model := trainingData, fitted
	data.Findings = &activities.Findings{LabelColumn: "class", Warnings: []dataset.Warning{{Code: dataset.CodeConstant}}}
	model.Shift = []dataset.Warning{{Code: dataset.CodeShift, Column: "size"}}
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.Anything).Return(data, nil)
	e.OnActivity(acts.TrainModel, mock.Anything, mock.Anything).Return(model, nil)
	onTraining(e)
	onFinish(e, mlflow.RunFinished)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
		Return(activities.Comparison{Champion: "1", Why: "x"}, nil)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: "logistic_regression"})
	status := e.status(t)
	for name, f := range map[string]*workflows.Findings{"status": status.Data, "result": status.Training.Data} {
		if f == nil || len(f.Warnings) != 2 || f.Warnings[0].Code != dataset.CodeConstant || f.Warnings[1].Column != "size" {
			t.Errorf("%s: %+v, want a constant and a shift", name, f)
		}
	}
}

func TestTraining_endsWithoutMLflow(t *testing.T) {
	e := newEnvironment(t)
	e.TestWorkflowEnvironment.OnActivity(acts.FinishRun, mock.Anything, mock.Anything).
		Return(activities.FinishedRun{}, errors.New("connection refused"))
	onTraining(e)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
		Return(activities.Comparison{Champion: "1", Why: "x"}, nil)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
	if err := e.GetWorkflowError(); err != nil {
		t.Errorf("a registered training failed because of MLflow: %v", err)
	}
}

func TestTrainingInput_refusesUnknownFields(t *testing.T) {
	var in workflows.TrainingInput
	err := json.Unmarshal([]byte(`{"model":"iris","algoritm":"decision_tree"}`), &in)
	if err == nil || !strings.Contains(err.Error(), "algoritm") {
		t.Errorf("a misspelt field gave %v, want an error naming it", err)
	}
}

// A task that reports its end has closed its run in MLflow, however it ends.
func TestTraining_closesTheRunBeforeItReportsTheEnd(t *testing.T) {
	failed := temporal.NewNonRetryableApplicationError("line 3: no", activities.ErrBadDataset, nil)
	for name, test := range map[string]struct {
		compare error
		stage   string // while the run is being closed
	}{
		"success": {nil, "close the MLflow run"},
		"failure": {failed, "decide on promotion"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t)
			onTraining(e)
			e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).
				Return(activities.Comparison{Champion: "2"}, test.compare)
			e.OnActivity(acts.FinishRun, mock.Anything, mock.Anything).Return(activities.FinishedRun{}, nil).Once()
			var during workflows.Status
			e.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
				if info.ActivityType.Name == "FinishRun" {
					during = e.status(t)
				}
			})
			e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression})
			if during.State != workflows.Started || during.EndedAt != nil || during.Training != nil ||
				during.Stage != test.stage {
				t.Errorf("while its run is open the task is %s at stage %q, want STARTED at %q",
					during.State, during.Stage, test.stage)
			}
		})
	}
}
