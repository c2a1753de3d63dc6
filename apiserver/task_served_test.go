package apiserver

import (
	"net/http"
	"testing"
	"time"

	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/internal/testenv"
	"iris/model"
	"iris/workflows"
)

const flower = `{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}`

// promotes runs a promotion of version 1 of a new model to its end.
func (a *api) promotes(t *testing.T) (id, modelName string) {
	t.Helper()
	modelName = testenv.Name()
	a.addVersion(t, modelName, dataset.IrisCSV(), model.Spec{})
	id = workflows.PromotionID(modelName)
	in := workflows.PromotionInput{Model: modelName, Version: "1", Actor: "test"}
	a.world.start(t, id, workflows.TaskQueue, workflows.PromotionType, in, memo(modelName))
	a.wait(t, id)
	return id, modelName
}

// The cache of this API does not poll, as if the next poll were far away.
func TestTask_successMeansServed(t *testing.T) {
	a := newAPI(t)
	id, modelName := a.promotes(t)
	a.do(t, "POST", "/"+modelName+"/predict", flower).problem(t, http.StatusServiceUnavailable, "champion")
	if got := a.getTask(t, id); got.State != workflows.Success || got.Served != nil || got.Stage == stageServe {
		t.Fatalf("got %+v, want SUCCESS", got)
	}
	a.do(t, "POST", "/"+modelName+"/predict", flower).json(t, 200, new(map[string]any))
}

// An API that cannot load the version says so: at first the task has not ended, and in the end it is not served.
func TestTask_successWithoutMLflow(t *testing.T) {
	w := theWorld(t)
	down := must(registry.New(registry.Options{
		MLflow: mlflow.New(mlflow.Options{URL: "http://127.0.0.1:1"}), Store: w.store, Bucket: w.bucket,
	}))
	a := newAPI(t, func(o *Options) { o.Cache = must(champions.New(champions.Options{Registry: down})) })
	id, _ := a.promotes(t)
	a.tasks.servedPatience = time.Hour
	got := a.getTask(t, id)
	if got.State != workflows.Started || got.Stage != stageServe || got.EndedAt != nil || got.Result != nil {
		t.Errorf("got %+v, want STARTED at the stage serve", got)
	}
	listed := func() (found taskView) {
		t.Helper()
		var page struct {
			Tasks []taskView
			Next  string `json:"next_page_token"`
		}
		a.do(t, "GET", "/tasks?prefix="+id, nil).json(t, http.StatusOK, &page)
		if len(page.Tasks) == 1 {
			found = page.Tasks[0]
		}
		return found
	}
	// Temporal's list is a moment late.
	await := func(state workflows.State, stage string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; {
			got := listed()
			if got.State == state && got.Stage == stage && (got.EndedAt == nil) == (state == workflows.Started) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the list has %+v, want %s %s", got, state, stage)
			}
		}
	}
	await(workflows.Started, stageServe)
	a.do(t, "DELETE", "/tasks/"+id, nil).json(t, http.StatusAccepted, new(taskView))
	a.tasks.servedPatience = 0
	await(workflows.Success, "")
	got = a.getTask(t, id)
	if got.State != workflows.Success || got.Served == nil || *got.Served || got.EndedAt == nil || got.Result == nil {
		t.Errorf("got %+v, want SUCCESS, but not served", got)
	}
}
