package workflows_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/model"
	"iris/workflows"
)

func TestTrainingInput_decision(t *testing.T) {
	for name, test := range map[string]struct{ fields, want string }{
		"a metric":    {`"threshold_metric":"f1","positive_class":"yes"`, ""},
		"a threshold": {`"threshold":0.3`, ""},
		"costs":       {`"threshold_metric":"cost","costs":{"false_positive":1,"false_negative":5}`, ""},
		"both":        {`"threshold":0.3,"threshold_metric":"f1"`, "/threshold_metric: is given, and threshold as well"},
		"out of range": {
			`"threshold":1.5`, "/threshold: is 1.5, want a number above 0 and below 1",
		},
		"no metric": {`"threshold_metric":"luck"`, `/threshold_metric: "luck" is not one of`},
		"no costs":  {`"threshold_metric":"cost"`, "/costs: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			var in workflows.TrainingInput
			if err := json.Unmarshal([]byte(`{"model":"iris",`+test.fields+`}`), &in); err != nil {
				t.Fatal(err)
			}
			_, _, err := in.Resolve()
			if test.want == "" && err != nil || test.want != "" && !strings.HasPrefix(fmt.Sprint(err), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestTraining_passesTheDecisionOn(t *testing.T) {
	request := model.DecisionRequest{ThresholdMetric: model.MCCThreshold, PositiveClass: "yes"}
	decision := &model.Decision{PositiveClass: "yes", Threshold: 0.3, Metric: model.MCCThreshold, Value: 0.5}
	e := newEnvironment(t)
	e.OnActivity(acts.ValidateDataset, mock.Anything, mock.MatchedBy(func(in activities.ValidateDatasetInput) bool {
		return in.DecisionRequest == request && in.CrossValidated
	})).Return(trainingData, nil).Once()
	e.OnActivity(acts.TrainModel, mock.Anything, mock.MatchedBy(func(in activities.TrainModelInput) bool {
		return *in.Decision == activities.Decide{
			Request: request, CV: model.CrossValidation{Folds: 5, Repeats: 1, Seed: 7},
		}
	})).Return(activities.TrainedModel{TrainRows: 110, TestRows: 40, Decision: decision}, nil).Once()
	e.OnActivity(acts.EvaluateModel, mock.Anything, mock.MatchedBy(func(in activities.EvaluateModelInput) bool {
		return *in.Model.Decision == *decision
	})).Return(activities.Evaluation{Metrics: map[string]float64{"accuracy": 0.95}}, nil).Once()
	onTraining(e)
	e.OnActivity(acts.CompareWithChampion, mock.Anything, mock.Anything).Return(activities.Comparison{}, nil).Once()
	onFinish(e, mlflow.RunFinished)
	e.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{
		Model: "iris", Algorithm: model.LogisticRegression, Seed: new(uint64(7)), DecisionRequest: request,
		Promote: workflows.PromoteNever,
	})
	var result workflows.TrainingResult
	if err := e.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	if result.Decision == nil || *result.Decision != *decision {
		t.Errorf("result %+v, want the decision %+v", result.Decision, decision)
	}
}
