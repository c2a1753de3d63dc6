package workflows

import "time"

// State is what has become of a task, in the words of the predecessor's task queue.
type State string

// The states of a task.
const (
	Pending State = "PENDING" // accepted, no worker has taken it up yet
	Started State = "STARTED" // running
	Success State = "SUCCESS"
	Failure State = "FAILURE"
	Revoked State = "REVOKED" // cancelled or terminated
)

// Status is the answer to the query "status": where a task is and what came of it. It is bounded: it holds counts,
// names and metrics, never rows.
type Status struct {
	TaskID    string     `json:"task_id"`
	Type      string     `json:"type"`
	Model     string     `json:"model"`
	State     State      `json:"state"`
	Stage     string     `json:"stage,omitempty"` // what is being done now, or was when it ended
	Done      int64      `json:"done"`
	Total     int64      `json:"total"`          // 0 while unknown
	Unit      string     `json:"unit,omitempty"` // of Done and Total: iterations, rows, trials
	StartedAt time.Time  `json:"started_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	Error     *TaskError `json:"error,omitempty"`

	// Of a batch, while it scores and after.
	RowsPerSecond float64 `json:"rows_per_second,omitempty"` // since it began to score
	ETASeconds    int64   `json:"eta_seconds,omitempty"`     // until all rows are scored at that rate; absent while unknown
	Failed        int64   `json:"failed,omitempty"`          // bad rows, which are part of Done
	ShardsDone    int     `json:"shards_done,omitempty"`
	ShardsTotal   int     `json:"shards_total,omitempty"`

	// Approval is set while a training waits for somebody to approve its version.
	Approval *PendingApproval `json:"approval,omitempty"`

	// Search is how far a training is with its trials, or how far it was when it ended.
	Search *SearchProgress `json:"search,omitempty"`

	// One of them is set when the task has ended well.
	Training  *TrainingResult  `json:"training,omitempty"`
	Batch     *BatchResult     `json:"batch,omitempty"`
	Promotion *PromotionResult `json:"promotion,omitempty"`
}

// TaskError says why a task failed, in words its user can act on.
type TaskError struct {
	Type    string `json:"type"` // one of the Err constants of package activities, or "Internal", "Cancelled", "Timeout"
	Message string `json:"message"`
}
