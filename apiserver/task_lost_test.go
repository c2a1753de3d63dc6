package apiserver

import (
	"errors"
	"net/http"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"iris/internal/sweep"
	"iris/workflows"
)

// forget deletes a workflow from Temporal and waits until Temporal does not know it.
func (w *world) forget(t *testing.T, id string) {
	t.Helper()
	_, err := w.temporal.WorkflowService().DeleteWorkflowExecution(
		t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: w.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
		})
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err := w.temporal.DescribeWorkflowExecution(t.Context(), id, "")
		var unknown *serviceerror.NotFound
		if errors.As(err, &unknown) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// An accepted task never answers 404, even if Temporal forgets it before a worker has seen it.
func TestTask_lost(t *testing.T) {
	a := newAPI(t)
	var batch Accepted
	a.do(t, "POST", "/iris/predict/batch", twoRows).json(t, 202, &batch)
	for id, path := range map[string]string{
		a.accepted(t, a.do(t, "POST", "/iris/training", nil)): "/iris/training/",
		batch.TaskID: "/tasks/",
	} {
		before := a.getTask(t, id)
		a.forget(t, id)
		var got taskView
		a.do(t, "GET", path+id, nil).json(t, 200, &got)
		if got.State != workflows.Lost || got.Model != "iris" || got.Type != before.Type || got.Error == nil ||
			got.Error.Type != sweep.LostType || got.StartedAt.Sub(before.StartedAt).Abs().Minutes() > 1 {
			t.Errorf("got %+v, want LOST with the model, the type and the start of %+v", got, before)
		}
		a.do(t, "DELETE", "/tasks/"+id, nil).json(t, http.StatusOK, new(taskView))
		a.do(t, "POST", "/tasks/"+id+"/approve", `{"name":"a","reason":"b"}`).problem(t, http.StatusConflict)
	}
}

// The progress of a lost batch says that waiting for it is of no use.
func TestTask_lostBatch(t *testing.T) {
	a := newAPI(t)
	const id = "batch-iris-lost"
	must(0, sweep.WriteTrace(t.Context(), a.store, a.Bucket, sweep.Trace{
		TaskID: id, Type: workflows.BatchType, Model: "iris",
	}))
	got := a.do(t, "GET", "/iris/predict/batch/"+id, nil)
	var status BatchStatus
	got.json(t, http.StatusOK, &status)
	if status.Status != workflows.Lost || status.Error != sweep.LostMessage || got.header.Get("Retry-After") != "" {
		t.Errorf("got %+v with Retry-After %q, want LOST", status, got.header.Get("Retry-After"))
	}
	a.do(t, "GET", "/iris/predict/batch/"+id+"/output", nil).problem(t, http.StatusNotFound, "lost")
}
