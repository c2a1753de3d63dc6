package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"iris/apiserver/problem"
	"iris/workflows"
)

func leaderboardOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "get-leaderboard", Method: http.MethodGet, Path: path, Tags: []string{"tasks"},
		Summary: "Get the trials of a training, best first",
		Description: "For a training by `auto`, by a search or with `cv_folds`, while it runs and after. " +
			"A task without trials is a 404, one that no worker has begun a 409.",
	}
}

type leaderboardInput struct {
	TaskID string `path:"task_id" doc:"The task_id of the 202 response."`
	PageQuery
}

type leaderboardOutput struct {
	Body struct {
		workflows.Leaderboard
		NextPageToken string `json:"next_page_token" doc:"Empty on the last page."`
	}
}

// leaderboard returns a page of the trials of a training.
func (ts *tasks) leaderboard(ctx context.Context, in *leaderboardInput) (*leaderboardOutput, error) {
	t, err := ts.find(ctx, in.TaskID)
	if err != nil {
		return nil, err
	}
	list := "leaderboard " + t.TaskID
	position, err := openPageToken(list, in.PageToken)
	if err != nil {
		return nil, err
	}
	board, err := ts.trialsOf(ctx, t)
	if err != nil {
		return nil, err
	}
	from, _ := strconv.Atoi(string(position)) // 0 on the first page
	from = min(from, len(board.Trials))
	to := min(from+in.size(), len(board.Trials))
	out := new(leaderboardOutput)
	if to < len(board.Trials) {
		out.Body.NextPageToken = pageToken(list, []byte(strconv.Itoa(to)))
	}
	board.Trials = board.Trials[from:to]
	out.Body.Leaderboard = board
	return out, nil
}

// trialsOf returns the leaderboard of a task: that of its workflow while it runs, and after that of its result or of
// its final status.
func (ts *tasks) trialsOf(ctx context.Context, t Task) (workflows.Leaderboard, error) {
	id := problem.Clip(t.TaskID)
	switch {
	case t.Type != workflows.TrainingType:
		return workflows.Leaderboard{}, problem.NotFound("task %q has no trials: it is not a training", id)
	case t.State == workflows.Pending:
		return workflows.Leaderboard{}, problem.New(http.StatusConflict, fmt.Sprintf("no worker has begun task %q", id))
	case t.Result != nil && t.Result.Training != nil:
		if s := t.Result.Training.Search; s != nil {
			return workflows.ResultBoard(*s), nil
		}
		return workflows.Leaderboard{}, noTrials(id)
	case t.EndedAt != nil && t.Search != nil:
		status, err := ts.storedStatus(ctx, t.TaskID)
		if err != nil {
			return workflows.Leaderboard{}, fmt.Errorf("read the stored status of %s: %w", id, err)
		}
		return workflows.NewLeaderboard(*t.Search, status.Trials), nil
	}
	board, err := ts.askTrials(ctx, t)
	if err != nil && (t.EndedAt != nil || t.State == workflows.Lost) {
		err = problem.NotFound("no trials of task %q are known", id)
	}
	return board, err
}

func noTrials(id string) error {
	return problem.NotFound("task %q has no trials: it fits the one spec of its request", id)
}

// askTrials queries the workflow. The heartbeats of its activities tell which trials wait for a worker.
func (ts *tasks) askTrials(ctx context.Context, t Task) (board workflows.Leaderboard, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	answer, err := ts.temporal.QueryWorkflow(ctx, t.TaskID, "", workflows.LeaderboardQuery)
	if err == nil {
		err = answer.Get(&board)
	}
	if err != nil {
		return board, problem.Unavailable("no worker answers for the task; try again", err)
	}
	if board.Method == "" {
		return board, noTrials(problem.Clip(t.TaskID))
	}
	described, err := ts.describe(ctx, t.TaskID)
	if err != nil {
		return board, nil // the states of the workflow will do
	}
	markWaiting(board.Trials, described)
	return board, nil
}

// markWaiting makes trials wait that workers have been given and have not begun.
func markWaiting(trials []workflows.BoardTrial, described *workflowservice.DescribeWorkflowExecutionResponse) {
	begun := make(map[string]bool)
	for _, activity := range described.GetPendingActivities() {
		if activity.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED {
			continue
		}
		p, err := heartbeatOf(activity)
		if err != nil || p.Trial == "" {
			return // of an older worker, or it has just begun: any trial may be this one
		}
		begun[p.Trial] = p.WaitsFor == ""
	}
	for i := range trials {
		if t := &trials[i]; t.State == workflows.TrialRunning && !begun[t.Name] {
			t.State = workflows.TrialWaiting
		}
	}
}
