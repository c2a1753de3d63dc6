package apiserver

import (
	"net/http"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/workflows"
)

// waitFor asks for a task that runs, and waits for its end.
func (a *api) waitFor(t *testing.T, id string) (answered chan answer) {
	t.Helper()
	in := workflows.TrainingInput{Model: "iris", LabelColumn: blocks}
	a.world.start(t, id, workflows.TaskQueue, workflows.TrainingType, in, memo("iris"))
	a.await(t, id, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	answered = make(chan answer, 1)
	go func() { answered <- a.do(t, "GET", "/tasks/"+id+"?wait=60s", nil) }()
	return answered
}

func TestTask_waitsForTheEnd(t *testing.T) {
	a := newAPI(t)
	const id = "training-iris-waited"
	answered := a.waitFor(t, id)
	var now taskView
	a.do(t, "GET", "/iris/training/"+id+"?wait=1", nil).json(t, http.StatusOK, &now)
	if now.State != workflows.Started {
		t.Errorf("state %s after a second, want STARTED", now.State)
	}
	select {
	case got := <-answered:
		t.Fatalf("%s before the task has ended", got)
	default:
	}
	if err := a.temporal.CancelWorkflow(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	var got taskView
	(<-answered).json(t, http.StatusOK, &got)
	if got.State != workflows.Revoked || got.EndedAt == nil {
		t.Errorf("got %+v, want REVOKED", got)
	}
	a.do(t, "GET", "/tasks/"+id+"?wait=60", nil).json(t, http.StatusOK, &got) // at once: it has ended
}

// A server that is about to stop answers those that wait with the task as it is.
func TestTask_waitEndsWithTheServer(t *testing.T) {
	a := newAPI(t)
	answered := a.waitFor(t, "training-iris-drained")
	a.serving.Drain()
	var got taskView
	(<-answered).json(t, http.StatusOK, &got)
	if got.State != workflows.Started {
		t.Errorf("state %s, want STARTED", got.State)
	}
}

func TestTask_badWaits(t *testing.T) {
	a := newAPI(t)
	for _, wait := range []string{"61", "-1", "1m", "s", "1.5", "soon"} {
		a.do(t, "GET", "/tasks/training-iris-x?wait="+wait, nil).problem(t, http.StatusUnprocessableEntity, "wait")
	}
	a.do(t, "GET", "/tasks/training-iris-x?wait=60", nil).problem(t, http.StatusNotFound, "training-iris-x")
}
