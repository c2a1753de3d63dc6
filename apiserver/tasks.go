package apiserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/champions"
	"iris/internal/objstore"
	"iris/workflows"
)

// tasks finds and cancels the jobs that take longer than a request. Temporal runs them; the status that they
// leave in the object store outlives Temporal's history.
type tasks struct {
	temporal client.Client
	store    *objstore.Store
	bucket   string
	links    links
	log      func(http.ResponseWriter) *slog.Logger // of the request that a writer answers

	cache          *champions.Cache
	servedPatience time.Duration                   // for a promoted version to be served, after the end of its task
	onDrain        func(func()) (stop func() bool) // calls a function when the server is about to stop
}

func listTasksOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "list-tasks", Method: http.MethodGet, Path: path, Tags: []string{"tasks"}, Summary: "List tasks",
		Parameters: []*huma.Param{{
			Name: "type", In: "query", Description: "Only tasks of this type, in upper or lower case.",
			Schema: &huma.Schema{Type: huma.TypeString, Enum: anyOf(workflows.Types())},
		}},
	}
}

type tasksInput struct {
	PageQuery
	Type   string `query:"type"`
	Prefix string `query:"prefix" maxLength:"200" pattern:"^[ !#-\\[\\]-~]*$" patternDescription:"printable ASCII without quotation marks and backslashes" doc:"Only tasks whose id starts with this, for example training-iris-."`
}

type tasksOutput struct {
	Body struct {
		Tasks         []Task `json:"tasks" nullable:"false" doc:"Newest first, without progress and results."`
		NextPageToken string `json:"next_page_token" doc:"Empty on the last page."`
	}
}

// list returns a page of tasks.
func (ts *tasks) list(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
	types := workflows.Types()
	if in.Type != "" {
		name := foldWord(in.Type, types)
		if !slices.Contains(types, name) {
			return nil, problem.Invalid(problem.Fault{
				Parameter: "type", Detail: "expected value to be one of " + strconv.Quote(strings.Join(types, ", ")),
			})
		}
		types = []string{name}
	}
	query := visibilityQuery(types, in.Prefix)
	token, err := openPageToken(query, in.PageToken)
	if err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	page, err := ts.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: query, PageSize: int32(in.size()), NextPageToken: token,
	})
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	out := new(tasksOutput)
	out.Body.Tasks = make([]Task, 0, len(page.GetExecutions()))
	served, stop := context.WithTimeout(ctx, servedWait) // for the whole page
	defer stop()
	for _, info := range page.GetExecutions() {
		t := ts.fromExecution(info)
		ts.awaitServedInList(served, &t, info.GetExecution().GetRunId())
		out.Body.Tasks = append(out.Body.Tasks, t)
	}
	out.Body.NextPageToken = pageToken(query, page.GetNextPageToken())
	return out, nil
}

// visibilityQuery selects workflows in the language of Temporal's visibility store.
func visibilityQuery(types []string, prefix string) string {
	quoted := make([]string, len(types))
	for i, name := range types {
		quoted[i] = visibilityString(name)
	}
	query := "WorkflowType IN (" + strings.Join(quoted, ", ") + ")"
	if prefix != "" {
		query += " AND WorkflowId STARTS_WITH " + visibilityString(prefix)
	}
	return query
}

// visibilityString quotes s, which has neither quotation marks nor backslashes: Temporal's parser loses those.
func visibilityString(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

func getTaskOperation(id, path string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"tasks"}, Summary: "Get a task",
	}
}

type taskInput struct {
	TaskID string `path:"task_id" doc:"The task_id of the 202 response."`
}

type taskOutput struct {
	Status int
	Body   Task
}

type getTaskInput struct {
	TaskID string `path:"task_id" doc:"The task_id of the 202 response."`
	WaitQuery
}

// get returns a task.
func (ts *tasks) get(ctx context.Context, in *getTaskInput) (*taskOutput, error) {
	t, err := ts.await(ctx, in.duration(), func(ctx context.Context) (Task, error) { return ts.find(ctx, in.TaskID) })
	return &taskOutput{Status: http.StatusOK, Body: t}, err
}

func cancelTaskOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "cancel-task", Method: http.MethodDelete, Path: path, Tags: []string{"tasks"},
		DefaultStatus: http.StatusAccepted, Summary: "Cancel a task",
		Description: "Asks the task to stop and answers 202 with the task as it is now; the task stops a little later. " +
			"If the task has already ended, the answer is 200.",
	}
}

// cancel asks a task to stop. It answers before the task has stopped.
func (ts *tasks) cancel(ctx context.Context, in *taskInput) (*taskOutput, error) {
	t, err := ts.find(ctx, in.TaskID)
	if err != nil || !t.running() {
		return &taskOutput{Status: http.StatusOK, Body: t}, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	err = ts.temporal.CancelWorkflow(ctx, t.TaskID, "")
	var ended *serviceerror.NotFound // in the meantime
	if err != nil && !errors.As(err, &ended) {
		return nil, fmt.Errorf("cancel %s: %w", t.TaskID, err)
	}
	return &taskOutput{Status: http.StatusAccepted, Body: t}, nil
}
