package apiserver

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"iris/internal/objstore"
	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// boardView is the answer of the route as a client decodes it.
type boardView struct {
	workflows.Leaderboard
	NextPageToken string `json:"next_page_token"`
}

func (v boardView) String() string {
	var parts []string
	for _, t := range v.Trials {
		parts = append(parts, fmt.Sprintf("%d %s %s", t.Rank, t.Name, t.State))
	}
	return strings.Join(parts, ", ")
}

func TestLeaderboard(t *testing.T) {
	a := newAPI(t)
	begin := func(id, queue string, in workflows.TrainingInput) {
		a.world.start(t, id, queue, workflows.TrainingType, in, memo("iris"))
	}
	begun := enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
	begin("training-iris-board", workflows.TaskQueue, workflows.TrainingInput{
		Model: "iris", Algorithm: search.Auto, LabelColumn: blocks,
	})
	begin("training-iris-board-old", workflows.TaskQueue, workflows.TrainingInput{Model: olderWorker, LabelColumn: blocks})
	begin("training-iris-one-spec", workflows.TaskQueue, workflows.TrainingInput{Model: "iris", LabelColumn: blocks})
	for _, id := range []string{"training-iris-board", "training-iris-board-old", "training-iris-one-spec"} {
		a.await(t, id, begun)
	}
	begin("training-iris-board-waits", "nobody", workflows.TrainingInput{Model: "iris", Algorithm: search.Auto})
	begin("training-iris-board-ended", workflows.TaskQueue, workflows.TrainingInput{Model: "iris", Algorithm: search.Auto})
	begin("training-iris-one-spec-ended", workflows.TaskQueue, workflows.TrainingInput{Model: "iris"})
	begin("training-iris-board-bad", workflows.TaskQueue, workflows.TrainingInput{Model: olderWorker, LabelColumn: fails})
	for _, id := range []string{
		"training-iris-board-ended", "training-iris-one-spec-ended", "training-iris-board-bad",
	} {
		a.wait(t, id)
	}
	a.world.start(t, "batch-iris-board", workflows.TaskQueue, workflows.BatchType,
		workflows.BatchInput{Model: "iris", ModelID: blocks}, memo("iris"))
	ended := time.Now()
	forgotten := workflows.Status{
		TaskID: "training-iris-board-kept", Type: workflows.TrainingType, Model: "iris", State: workflows.Revoked,
		EndedAt: &ended,
		Search:  &workflows.SearchProgress{Method: search.Grid, Metric: search.Accuracy, Total: 3, Done: 2},
		Trials: []search.Trial{
			{
				Name:  "trial-1",
				Score: &model.Score{Mean: .8},
			},
			{Name: "trial-2", Score: &model.Score{Mean: .9}},
			{Name: "trial-3"},
		},
	}
	if _, err := a.store.PutJSON(t.Context(), a.bucket, objstore.TaskKey(forgotten.TaskID), forgotten); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		task   string
		query  string
		status int
		want   string // trials, or words of the problem
	}{
		"running": {"training-iris-board", "", 200, "1 trial-2 done, 2 trial-1 done, 0 trial-3 waiting"},
		"ended":   {"training-iris-board-ended", "", 200, "1 trial-2 done, 2 trial-1 done, 0 trial-3 stopped"},
		"cancelled and forgotten by Temporal": {
			"training-iris-board-kept", "", 200, "1 trial-2 done, 2 trial-1 done, 0 trial-3 stopped",
		},
		"a page":             {"training-iris-board", "?page_size=2", 200, "1 trial-2 done, 2 trial-1 done"},
		"no page":            {"training-iris-board", "?page_token=abc", 422, "page_token"},
		"not begun":          {"training-iris-board-waits", "", 409, "no worker has begun"},
		"one spec":           {"training-iris-one-spec", "", 404, "has no trials"},
		"one spec, ended":    {"training-iris-one-spec-ended", "", 404, "has no trials"},
		"failed":             {"training-iris-board-bad", "", 404, "are known"},
		"of an older worker": {"training-iris-board-old", "", 503, "no worker answers"},
		"a batch":            {"batch-iris-board", "", 404, "not a training"},
		"no task":            {"training-iris-nobody", "", 404, "there is no task"},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.do(t, "GET", "/tasks/"+test.task+"/leaderboard"+test.query, nil)
			if test.status != 200 {
				got.problem(t, test.status, test.want)
				return
			}
			var board boardView
			got.json(t, 200, &board)
			if board.String() != test.want || board.Total != 3 || board.Done != 2 {
				t.Errorf("trials %s of %+v, want %s", board, board.Leaderboard, test.want)
			}
			if test.query == "" {
				return
			}
			token := url.QueryEscape(board.NextPageToken)
			var next boardView
			a.do(t, "GET", "/tasks/"+test.task+"/leaderboard?page_token="+token, nil).json(t, 200, &next)
			if got := next.String(); got != "0 trial-3 waiting" || next.NextPageToken != "" {
				t.Errorf("second page %s, want the last trial", got)
			}
		})
	}
	if got := a.getTask(
		t,
		"training-iris-board-ended",
	); got.Links.Leaderboard != "/tasks/training-iris-board-ended/leaderboard" {
		t.Errorf("link %q, want the leaderboard", got.Links.Leaderboard)
	}
}

func TestMarkWaiting(t *testing.T) {
	started, queued := enumspb.PENDING_ACTIVITY_STATE_STARTED, enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
	activity := func(state enumspb.PendingActivityState, p workflows.Progress) *workflowpb.PendingActivityInfo {
		details, err := converter.GetDefaultDataConverter().ToPayloads(p)
		if err != nil {
			t.Fatal(err)
		}
		return &workflowpb.PendingActivityInfo{State: state, HeartbeatDetails: details}
	}
	for name, test := range map[string]struct {
		pending []*workflowpb.PendingActivityInfo
		want    string
	}{
		"one runs": {
			[]*workflowpb.PendingActivityInfo{
				activity(started, workflows.Progress{Trial: "b"}), activity(queued, workflows.Progress{}),
			},
			"waiting running done",
		},
		"one waits for memory": {
			[]*workflowpb.PendingActivityInfo{activity(started, workflows.Progress{Trial: "b", WaitsFor: "memory"})},
			"waiting waiting done",
		},
		"of an older worker": {
			[]*workflowpb.PendingActivityInfo{activity(started, workflows.Progress{})}, "running running done",
		},
	} {
		t.Run(name, func(t *testing.T) {
			trials := []workflows.BoardTrial{
				{State: workflows.TrialRunning, Trial: search.Trial{Name: "a"}},
				{State: workflows.TrialRunning, Trial: search.Trial{Name: "b"}},
				{State: workflows.TrialDone, Trial: search.Trial{Name: "c"}},
			}
			markWaiting(trials, &workflowservice.DescribeWorkflowExecutionResponse{PendingActivities: test.pending})
			var states []string
			for _, trial := range trials {
				states = append(states, string(trial.State))
			}
			if got := strings.Join(states, " "); got != test.want {
				t.Errorf("states %s, want %s", got, test.want)
			}
		})
	}
}
