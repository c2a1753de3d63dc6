package apiserver

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/testenv"
	"iris/workflows"
)

// memo gives a workflow the memo of a task that the API starts.
func memo(modelName string) func(*client.StartWorkflowOptions) {
	return func(o *client.StartWorkflowOptions) { o.Memo = map[string]any{workflows.MemoModel: modelName} }
}

// taskView is a Task as a client decodes it.
type taskView struct {
	Task
	Result json.RawMessage `json:"result"`
}

func (a *api) getTask(t *testing.T, id string) taskView {
	t.Helper()
	var v taskView
	a.do(t, "GET", "/tasks/"+url.PathEscape(id), nil).json(t, 200, &v)
	return v
}

func TestTask_pending(t *testing.T) {
	a := newAPI(t)
	a.world.start(
		t,
		"training-iris-pending",
		"nobody",
		workflows.TrainingType,
		workflows.TrainingInput{Model: "iris"},
		memo("iris"),
	)
	got := a.getTask(t, "training-iris-pending")
	if got.State != workflows.Pending || got.Model != "iris" || got.Type != workflows.TrainingType ||
		got.StartedAt.IsZero() ||
		got.EndedAt != nil ||
		got.Stale {
		t.Errorf("got %+v, want a pending training", got)
	}
	want := "http://temporal.test/namespaces/" + a.namespace + "/workflows/training-iris-pending/"
	if !strings.HasPrefix(got.Links.Temporal, want) || !strings.HasSuffix(got.Links.Temporal, "/history") {
		t.Errorf("link %q, want %s…", got.Links.Temporal, want)
	}
}

func TestTask_running(t *testing.T) {
	a := newAPI(t)
	in := workflows.TrainingInput{Model: "iris", LabelColumn: blocks}
	a.world.start(t, "training-iris-running", workflows.TaskQueue, workflows.TrainingType, in)
	a.await(t, "training-iris-running", enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	got := a.getTask(t, "training-iris-running")
	if got.State != workflows.Started || got.Model != "iris" || got.Stage != "train the model" || got.Done != 3 ||
		got.Total != 10 ||
		got.Unit != "iterations" ||
		got.Stale {
		t.Errorf("got %+v, want what the workflow says of itself", got)
	}
	for path, status := range map[string]int{
		"/iris/training/training-iris-running":      200,
		"/training/training-iris-running":           200,
		"/wine/training/training-iris-running":      404,
		"/iris/predict/batch/training-iris-running": 404,
	} {
		if got := a.do(t, "GET", path, nil); got.status != status {
			t.Errorf("%s: %s, want %d", path, got, status)
		}
	}
}

func TestTask_cancel(t *testing.T) {
	a := newAPI(t)
	in := workflows.TrainingInput{Model: "iris", LabelColumn: blocks}
	a.world.start(t, "training-iris-cancel", workflows.TaskQueue, workflows.TrainingType, in, memo("iris"))
	a.await(t, "training-iris-cancel", enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	var before taskView
	a.do(t, "DELETE", "/tasks/training-iris-cancel", nil).json(t, http.StatusAccepted, &before)
	if before.State != workflows.Started {
		t.Errorf("state %s while it is being cancelled, want STARTED", before.State)
	}
	a.wait(t, "training-iris-cancel")
	got := a.getTask(t, "training-iris-cancel")
	if got.State != workflows.Revoked || got.EndedAt == nil || got.Error == nil || got.Error.Type != "Cancelled" {
		t.Errorf("got %+v, want REVOKED", got)
	}
	var again taskView
	a.do(t, "DELETE", "/tasks/training-iris-cancel", nil).json(t, http.StatusOK, &again)
	if again.State != workflows.Revoked {
		t.Errorf("cancelled again: %+v, want it as it is", again)
	}
}

func TestTask_succeeded(t *testing.T) {
	a := newAPI(t)
	id := a.accepted(t, a.do(t, "POST", "/iris/training", nil))
	a.wait(t, id)
	got := a.getTask(t, id)
	var result workflows.TrainingResult
	if err := json.Unmarshal(got.Result, &result); err != nil {
		t.Fatal(err)
	}
	if got.State != workflows.Success || got.EndedAt == nil || got.Error != nil || result.Version != "7" ||
		result.Gate.Decision != workflows.Kept {
		t.Errorf("got %+v with result %+v", got, result)
	}
	if got.Links.MLflow != "http://mlflow.test/#/experiments/1/runs/r1?workflowType=machine_learning" ||
		got.Links.Result != "/iris/versions/7" {
		t.Errorf("links %+v", got.Links)
	}
}

func TestTask_failed(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		name, how  string
		change     func(*client.StartWorkflowOptions)
		end        func(t *testing.T, id string)
		state      workflows.State
		wantType   string
		wantWords  string
		queue      string
		noAnswerOf string
	}{
		{name: "by bad data", how: fails, state: workflows.Failure, wantType: "BadDataset", wantWords: "line 7"},
		{
			name: "by time", how: blocks, state: workflows.Failure, wantType: "Timeout", wantWords: "too long", queue: "nobody",
			change: func(o *client.StartWorkflowOptions) { o.WorkflowExecutionTimeout = time.Second },
		},
		{
			name: "by termination", how: blocks, state: workflows.Revoked, wantType: "Cancelled",
			wantWords: "terminated", queue: "nobody",
			end: func(t *testing.T, id string) {
				if err := a.temporal.TerminateWorkflow(t.Context(), id, "", "enough"); err != nil {
					t.Fatal(err)
				}
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := "training-iris-failed-" + strings.ReplaceAll(test.name, " ", "-")
			in := workflows.TrainingInput{Model: "iris", LabelColumn: test.how}
			change := []func(*client.StartWorkflowOptions){memo("iris")}
			if test.change != nil {
				change = append(change, test.change)
			}
			a.world.start(t, id, cmp.Or(test.queue, workflows.TaskQueue), workflows.TrainingType, in, change...)
			if test.end != nil {
				test.end(t, id)
			}
			a.wait(t, id)
			got := a.getTask(t, id)
			if got.State != test.state || got.EndedAt == nil || got.Error == nil || got.Error.Type != test.wantType ||
				!strings.Contains(got.Error.Message, test.wantWords) {
				t.Errorf("got %+v with error %+v, want %s of type %s", got, got.Error, test.state, test.wantType)
			}
		})
	}
}

// If no worker answers the query, Temporal still has the heartbeats of the activities.
func TestTask_withoutAWorker(t *testing.T) {
	a := newAPI(t)
	const queue = "a-worker-that-leaves"
	stop := a.startWorker(t, queue)
	hearts := worker.New(a.temporal, heartQueue, worker.Options{DisableWorkflowWorker: true})
	hearts.RegisterActivity(steady)
	if err := hearts.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hearts.Stop)
	a.world.start(
		t,
		"training-iris-stale",
		queue,
		workflows.TrainingType,
		workflows.TrainingInput{Model: "iris", LabelColumn: heartens},
		memo("iris"),
	)
	a.await(t, "training-iris-stale", enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
	a.heartbeatOf(t, "training-iris-stale")
	got := a.getTask(t, "training-iris-stale")
	if got.Stale || got.Stage != "train the model" || got.Done != 40 || got.Total != 100 || got.Unit != "rows" {
		t.Errorf("with a worker: %+v, want the stage of the workflow and the counts of its activity", got)
	}
	stop()
	begin := time.Now()
	got = a.getTask(t, "training-iris-stale")
	if !got.Stale || got.State != workflows.Started || got.Model != "iris" || got.Done != 40 || got.Total != 100 ||
		got.Unit != "rows" ||
		got.Stage != "steady" {
		t.Errorf("got %+v, want what the heartbeats say, marked as stale", got)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
}

// heartbeatOf waits until Temporal has the heartbeat of the only activity of a workflow. The activity sends the
// heartbeat first, but the history does not say when it has arrived.
func (a *api) heartbeatOf(t *testing.T, id string) {
	t.Helper()
	for t.Context().Err() == nil {
		d := must(a.temporal.DescribeWorkflowExecution(t.Context(), id, ""))
		if len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetHeartbeatDetails() != nil {
			return
		}
	}
}

// After Temporal has forgotten a task, its status comes from the store.
func TestTask_fromTheStore(t *testing.T) {
	a := newAPI(t)
	ended := time.Now().UTC().Truncate(time.Second)
	for _, status := range []workflows.Status{
		{
			TaskID: "old one/1", Type: workflows.TrainingType, Model: "iris", State: workflows.Success,
			TaskProgress: workflows.TaskProgress{Stage: "done"}, StartedAt: ended.Add(-time.Minute), EndedAt: &ended,
			Training: &workflows.TrainingResult{Model: "iris", Version: "3", RunID: "r", ExperimentID: "2"},
		},
		{
			TaskID: "old-failure", Type: workflows.BatchType, Model: "iris", State: workflows.Failure, EndedAt: &ended,
			Error: &workflows.TaskError{Type: "BadInput", Message: "why"},
		},
	} {
		must(a.store.PutJSON(t.Context(), a.Bucket, objstore.TaskKey(status.TaskID), status))
		got := a.getTask(t, status.TaskID)
		if got.TaskID != status.TaskID || got.State != status.State || got.Model != "iris" || !got.EndedAt.Equal(ended) ||
			got.Links.Temporal != "" {
			t.Errorf("got %+v, want %+v", got, status)
		}
		if status.Training != nil &&
			got.Links.MLflow != "http://mlflow.test/#/experiments/2/runs/r?workflowType=machine_learning" {
			t.Errorf("link %q", got.Links.MLflow)
		}
		if status.Error != nil && *got.Error != *status.Error {
			t.Errorf("error %+v, want %+v", got.Error, status.Error)
		}
	}
	a.do(t, "DELETE", "/tasks/old-failure", nil).json(t, http.StatusOK, new(taskView))
}

// The status in the store says more than Temporal, if it is of the same run.
func TestTask_endedWithAStoredStatus(t *testing.T) {
	a := newAPI(t)
	const id = "training-iris-stored"
	leave := func(at time.Time, state workflows.State) {
		must(a.store.PutJSON(t.Context(), a.Bucket, objstore.TaskKey(id), workflows.Status{
			TaskID: id, Type: workflows.TrainingType, Model: "iris", State: state, UpdatedAt: at,
			TaskProgress: workflows.TaskProgress{Stage: "done", Done: 5, Total: 5, Unit: "iterations"},
			Training:     &workflows.TrainingResult{Model: "iris", Version: "5"},
		}))
	}
	a.world.start(t, id, workflows.TaskQueue, workflows.TrainingType, workflows.TrainingInput{Model: "iris"}, memo("iris"))
	a.wait(t, id)
	execution := must(a.temporal.DescribeWorkflowExecution(t.Context(), id, "")).GetWorkflowExecutionInfo()
	for name, test := range map[string]struct {
		at    time.Time
		state workflows.State
		stage string
	}{
		"of this run":       {execution.GetCloseTime().AsTime(), workflows.Success, "done"},
		"of an earlier run": {execution.GetStartTime().AsTime().Add(-time.Second), workflows.Success, ""},
		"of a later run":    {execution.GetCloseTime().AsTime().Add(time.Second), workflows.Success, ""},
		"another outcome":   {execution.GetCloseTime().AsTime(), workflows.Failure, ""},
	} {
		t.Run(name, func(t *testing.T) {
			leave(test.at, test.state)
			got := a.getTask(t, id)
			if got.State != workflows.Success || got.Stage != test.stage || got.EndedAt == nil || got.Result == nil {
				t.Errorf("got %+v, want SUCCESS at stage %q", got, test.stage)
			}
		})
	}
}

func TestTask_promotion(t *testing.T) {
	a := newAPI(t)
	id := workflows.PromotionID("some")
	in := workflows.PromotionInput{
		Model:    "unpromoted",
		Version:  "9",
		Expected: new("8"),
		Actor:    "test",
	} // the registry refuses it, and it fails
	a.world.start(t, id, workflows.TaskQueue, workflows.PromotionType, in, memo("unpromoted"))
	a.wait(t, id)
	if got := a.getTask(t, id); got.Type != workflows.PromotionType || got.State != workflows.Failure || got.Error == nil {
		t.Errorf("got %+v, want a promotion that failed", got)
	}
}

func TestTask_notFound(t *testing.T) {
	a := newAPI(t)
	a.world.start(t, "not-a-task", workflows.TaskQueue, "Other", "x")
	for name, path := range map[string]string{
		"unknown":               "/tasks/training-iris-none",
		"another workflow":      "/tasks/not-a-task",
		"not UTF-8":             "/tasks/%ff",
		"not ASCII":             "/tasks/t%C3%BClip",
		"too long":              "/tasks/" + strings.Repeat("x", 2000),
		"too long when escaped": "/tasks/" + strings.Repeat("%20", 500),
		"with a slash":          "/tasks/a%2Fb",
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "DELETE"} {
				a.do(t, method, path, nil).problem(t, 404, "no task")
			}
		})
	}
	a.do(t, "GET", "/iris/training/training-iris-none", nil).problem(t, 404)
}

func TestTasks_listsPages(t *testing.T) {
	w := theWorld(t)
	namespace := testenv.Namespace(t)
	c := must(client.Dial(client.Options{HostPort: w.addresses.Temporal, Namespace: namespace}))
	t.Cleanup(c.Close)
	a := newAPI(t, func(o *Options) { o.Temporal, o.Namespace = c, namespace })
	start := func(id, workflowType string) {
		t.Helper()
		options := client.StartWorkflowOptions{ID: id, TaskQueue: "nobody", Memo: map[string]any{"model": "iris"}}
		if _, err := c.ExecuteWorkflow(t.Context(), options, workflowType, nil); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{
		"training-iris-1",
		"training-iris-2",
		"training-wine-1",
		"batch-iris-1",
		"promotion-iris",
		`it's a test, 50%_!`,
	}
	for _, id := range all {
		kind := map[byte]string{
			't': workflows.TrainingType, 'b': workflows.BatchType, 'p': workflows.PromotionType, 'i': workflows.TrainingType,
		}[id[0]]
		start(id, kind)
	}
	start("something-else", "Other")

	type page struct {
		Tasks []taskView
		Next  string `json:"next_page_token"`
	}
	list := func(query string) (ids []string, next string) {
		t.Helper()
		var p page
		a.do(t, "GET", "/tasks?"+query, nil).json(t, 200, &p)
		ids = []string{}
		for _, task := range p.Tasks {
			ids = append(ids, task.TaskID)
			if task.Model != "iris" || task.State != workflows.Started {
				t.Errorf("%+v, want a task of iris that is STARTED", task)
			}
		}
		slices.Sort(ids)
		return ids, p.Next
	}
	// A task appears in the list some milliseconds after its start.
	for ids, _ := list(""); len(ids) < len(all); ids, _ = list("") {
		if t.Context().Err() != nil {
			t.Fatalf("only %v were ever listed", ids)
		}
	}
	sorted := slices.Sorted(slices.Values(all))
	for name, test := range map[string]struct {
		query string
		want  []string
	}{
		"all":                        {"", sorted},
		"default size":               {"page_size=0", sorted},
		"more than a page holds":     {"page_size=100000", sorted},
		"of a type":                  {"type=BatchPrediction", []string{"batch-iris-1"}},
		"by prefix":                  {"prefix=training-iris-", []string{"training-iris-1", "training-iris-2"}},
		"by prefix and type":         {"prefix=batch&type=Training", []string{}},
		"by a prefix to be quoted":   {"prefix=" + url.QueryEscape(`it's a test, 50%_!`), []string{`it's a test, 50%_!`}},
		"by what looks like a query": {"prefix=" + url.QueryEscape(`' OR WorkflowType = 'Other`), []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			ids, next := list(test.query)
			if !slices.Equal(ids, test.want) || next != "" {
				t.Errorf("got %q and token %q, want %q and none", ids, next, test.want)
			}
		})
	}
	t.Run("page by page", func(t *testing.T) {
		var got []string
		ids, next := list("page_size=4")
		for got = ids; next != ""; got = append(got, ids...) {
			ids, next = list("page_size=4&page_token=" + url.QueryEscape(next))
		}
		slices.Sort(got)
		if !slices.Equal(got, sorted) {
			t.Errorf("got %q, want %q", got, sorted)
		}
	})
}

func TestTasks_badQueries(t *testing.T) {
	a := newAPI(t)
	for name, test := range map[string]struct{ query, parameter string }{
		"a negative size":           {"page_size=-1", "page_size"},
		"a size in words":           {"page_size=many", "page_size"},
		"an unknown type":           {"type=Other", "type"},
		"an unknown name":           {"state=SUCCESS", "state"},
		"a malformed token":         {"page_token=%21%21", "page_token"},
		"a token of another":        {"page_token=bm9ib2R5", "page_token"},
		"a prefix that is too long": {"prefix=" + strings.Repeat("x", 300), "prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			p := a.do(t, "GET", "/tasks?"+test.query, nil).problem(t, 422)
			p.faultAt(t, problem.Fault{Parameter: test.parameter})
		})
	}
}

// accepted checks a 202 and returns the task id.
func (a *api) accepted(t *testing.T, got answer) string {
	t.Helper()
	var body Accepted
	got.json(t, http.StatusAccepted, &body)
	if want := "/training/" + body.TaskID; !strings.HasSuffix(got.header.Get("Location"), want) {
		t.Errorf("Location %q, want …%s", got.header.Get("Location"), want)
	}
	return body.TaskID
}
