package workflows

import (
	"encoding/json"
	"time"

	"iris/activities"
	"iris/internal/search"
)

// State is the state of a task. The words are Celery's, which earlier clients know.
type State string

// The states of a task.
const (
	Pending State = "PENDING" // accepted, but no worker has started it
	Started State = "STARTED" // running
	Success State = "SUCCESS"
	Failure State = "FAILURE"
	Revoked State = "REVOKED" // cancelled or terminated
	Lost    State = "LOST"    // accepted, but Temporal no longer knows it
)

// Status is the answer to the query "status": how far a task is, and its result. Its size is bounded: it has counts,
// names and metrics, but no rows.
type Status struct {
	TaskID string `json:"task_id"`
	Type   string `json:"type"`
	Model  string `json:"model"`
	State  State  `json:"state"`
	TaskProgress
	StartedAt time.Time  `json:"started_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Error     *TaskError `json:"error,omitempty"`
	Warnings  []string   `json:"warnings,omitempty"` // what the task goes on without, in words for users

	// Data is what the dataset of a training is like, from its validation on.
	Data *Findings `json:"data,omitempty"`

	// Approval is set while a training waits for a person to approve its version.
	Approval *PendingApproval `json:"approval,omitempty"`

	// Search is the progress of a training's trials.
	Search *SearchProgress `json:"search,omitempty"`

	// Trials is the trials of a training that ended during them. Those of a training that succeeded are in its result.
	Trials []search.Trial `json:"trials,omitempty"`

	// One of these is set when the task has succeeded.
	Training  *TrainingResult  `json:"training,omitempty"`
	Batch     *BatchResult     `json:"batch,omitempty"`
	Promotion *PromotionResult `json:"promotion,omitempty"`
}

// TaskProgress is how far a task is, or how far it was when it ended. Clients of the REST API see it as it is.
type TaskProgress struct {
	Stage string `json:"stage,omitempty" doc:"The current step, or the last one of a task that has ended."`
	Done  int64  `json:"done"`
	Total int64  `json:"total" doc:"0 while unknown."`
	Unit  string `json:"unit,omitempty" doc:"What done and total count: iterations, rows or trials." example:"rows"`

	RowsPerSecond float64 `json:"rows_per_second,omitempty" doc:"Of a batch: since scoring began."`
	ETASeconds    int64   `json:"eta_seconds,omitempty" doc:"Of a batch: until all rows are scored at that rate. Absent while unknown."`
	BadRows       int64   `json:"bad_rows,omitempty" doc:"Of a batch: rows that have no result. They are part of done."`
	Failed        int64   `json:"failed,omitempty" deprecated:"true" doc:"The older name of bad_rows."`
	ShardsDone    int     `json:"shards_done,omitempty" doc:"Of a batch: pieces of the input that are scored."`
	ShardsTotal   int     `json:"shards_total,omitempty" doc:"Of a batch: pieces of the input."`
}

// UnmarshalJSON also reads older statuses, which have only the older name of bad_rows.
func (s *Status) UnmarshalJSON(data []byte) error {
	type plain Status
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	s.BadRows = max(s.BadRows, s.Failed)
	return nil
}

// TaskError says why a task failed, in words its user can act on.
type TaskError struct {
	Type    string `json:"type"` // an Err constant of package activities, or "Internal", "Cancelled", "Timeout", "Lost"
	Message string `json:"message"`
}

// MayPass reports whether the same request may succeed if it is sent again: the reason of the failure was not in it.
func (e TaskError) MayPass() bool {
	return !activities.ForUsers(e.Type) || e.Type == activities.ErrObjectLost
}
