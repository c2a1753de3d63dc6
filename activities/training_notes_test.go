package activities_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"iris/activities"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

// A training ends, and its version is promoted, although MLflow fails on everything that only people read. The status
// says what is missing.
func TestTraining_withoutNotes(t *testing.T) {
	proxy, lab := testenv.MLflowProxy(t)
	l := newLabWith(t, testenv.Name(), activities.Options{MLflow: lab})
	proxy.RefuseIf(func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/log-batch") || strings.HasSuffix(r.URL.Path, "/log-inputs") ||
			strings.HasSuffix(r.URL.Path, "/set-tag") || strings.HasSuffix(r.URL.Path, "/README.md") ||
			strings.HasSuffix(r.URL.Path, ".png")
	})
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(2 * time.Minute) // of real time
	env.RegisterActivity(l.Activities)
	env.RegisterWorkflowWithOptions(workflows.Training, workflow.RegisterOptions{Name: workflows.TrainingType})
	env.RegisterWorkflowWithOptions(workflows.Promotion, workflow.RegisterOptions{Name: workflows.PromotionType})
	env.ExecuteWorkflow(workflows.Training, workflows.TrainingInput{
		Model: l.model, Algorithm: model.LogisticRegression, DatasetURI: l.put("given/iris.csv", irisAs("x")).URI(),
	})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatalf("the training failed: %v", err)
	}
	value, err := env.QueryWorkflow(workflows.StatusQuery)
	if err != nil {
		t.Fatal(err)
	}
	var status workflows.Status
	if err := value.Get(&status); err != nil {
		t.Fatal(err)
	}
	result := status.Training
	if status.State != workflows.Success || result == nil || result.Gate.Decision != workflows.Promoted {
		t.Fatalf("got %+v, want a version that was promoted", status)
	}
	for _, want := range []string{
		"MLflow does not show the parameters of the run", "MLflow does not show the dataset of the run",
		"MLflow does not show the metrics of the run", "the version has no README.md",
		"the version has no confusion_matrix.png", "the loss curve in MLflow is incomplete",
		"the run in MLflow does not show how it ended", "the version in MLflow does not show the decision of the gate",
	} {
		if !slices.Contains(status.Warnings, want) {
			t.Errorf("warnings %q, want %q among them", status.Warnings, want)
		}
	}
	champion, err := l.registry.Champion(t.Context(), l.model)
	if err != nil || champion.Number != result.Version {
		t.Errorf("the champion is %q (%v), want %s", champion.Number, err, result.Version)
	}
	if _, err := l.registry.Load(t.Context(), champion); err != nil {
		t.Errorf("the version does not load: %v", err)
	}
	alias, err := l.mlflow.GetAlias(t.Context(), l.model, registry.ChampionAlias)
	if err != nil || alias.Version != result.Version {
		t.Errorf("the alias is at %q (%v), want %s", alias.Version, err, result.Version)
	}
	if run, err := l.mlflow.GetRun(t.Context(), result.RunID); err != nil || run.Status != mlflow.RunFinished {
		t.Errorf("the run is %s (%v), want it finished", run.Status, err)
	}
}
