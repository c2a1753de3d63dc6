package apiserver

import (
	"net/http"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"

	"iris/workflows"
)

// waiting starts a training that waits for a verdict.
func (a *api) waiting(t *testing.T, id string) {
	t.Helper()
	a.world.start(
		t,
		id,
		workflows.TaskQueue,
		workflows.TrainingType,
		workflows.TrainingInput{Model: "iris", LabelColumn: waits},
		memo("iris"),
	)
	a.await(t, id, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
}

func (a *api) say(t *testing.T, id, verb, body string) answer {
	t.Helper()
	return a.do(t, "POST", "/tasks/"+id+"/"+verb, body, "Content-Type: application/json")
}

func TestApproval(t *testing.T) {
	a := newAPI(t)
	for _, verb := range []string{"approve", "reject"} {
		t.Run(verb, func(t *testing.T) {
			id := "training-iris-to-" + verb
			a.waiting(t, id)
			if got := a.getTask(t, id); got.Approval == nil || got.Approval.ModelID != "models:/iris/7" {
				t.Errorf("got %+v, want it to show what it waits for", got)
			}
			var after taskView
			a.say(t, id, verb, `{"name":"ada","reason":"I looked"}`).json(t, http.StatusAccepted, &after)
			if after.Stage != verb+" by ada: I looked" || after.Approval != nil || after.TaskID != id {
				t.Errorf("got %+v, want the task as it goes on", after)
			}
			a.say(t, id, verb, `{"name":"bob","reason":"I as well"}`).problem(t, http.StatusConflict, "given already")
		})
	}
}

func TestApproval_badRequests(t *testing.T) {
	a := newAPI(t)
	const waiting, ended, batch = "training-iris-undecided", "training-iris-decided", "batch-iris-undecided"
	a.waiting(t, waiting)
	a.world.start(
		t,
		ended,
		workflows.TaskQueue,
		workflows.TrainingType,
		workflows.TrainingInput{Model: "iris"},
		memo("iris"),
	)
	a.wait(t, ended)
	a.world.start(
		t,
		batch,
		workflows.TaskQueue,
		workflows.BatchType,
		workflows.BatchInput{Model: "iris", ModelID: blocks},
		memo("iris"),
	)
	a.world.start(
		t,
		"training-iris-unheard",
		"nobody",
		workflows.TrainingType,
		workflows.TrainingInput{Model: "iris"},
		memo("iris"),
	)
	const good = `{"name":"ada","reason":"I looked"}`
	for _, test := range []struct {
		name, task, body string
		status           int
		want             string
	}{
		{name: "an unknown task", task: "training-iris-none", body: good, status: 404},
		{name: "a task that has ended", task: ended, body: good, status: 409, want: "not waiting"},
		{name: "a batch", task: batch, body: good, status: 409, want: "not waiting"},
		{name: "no worker", task: "training-iris-unheard", body: good, status: 503, want: "it may do so yet"},
		{name: "no name", task: waiting, body: `{"reason":"x"}`, status: 422, want: "name"},
		{name: "an empty name", task: waiting, body: `{"name":"","reason":"x"}`, status: 422, want: "/name"},
		{
			name: "a name the workflow refuses", task: waiting, body: `{"name":"nobody","reason":"x"}`, status: 422,
			want: "/name: is nobody",
		},
		{name: "a refusal that is not for users", task: waiting, body: `{"name":"trouble","reason":"x"}`, status: 500},
		{name: "no reason", task: waiting, body: `{"name":"ada"}`, status: 422, want: "reason"},
		{
			name: "a long reason", task: waiting, body: `{"name":"ada","reason":"` + strings.Repeat("x", 2001) + `"}`,
			status: 422, want: "/reason",
		},
		{
			name: "an unknown field", task: waiting, body: `{"name":"ada","reason":"x","force":true}`, status: 422,
			want: "/force",
		},
		{name: "no body", task: waiting, body: ``, status: 400},
		{name: "broken JSON", task: waiting, body: `{`, status: 400},
	} {
		for _, verb := range []string{"approve", "reject"} {
			t.Run(
				test.name+", "+verb,
				func(t *testing.T) { a.say(t, test.task, verb, test.body).problem(t, test.status, test.want) },
			)
		}
	}
	if got := a.getTask(t, waiting); got.Approval == nil {
		t.Errorf("got %+v, want it still waiting after requests that were all refused", got)
	}
}
