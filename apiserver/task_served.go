package apiserver

import (
	"context"
	"time"

	"iris/internal/registry"
	"iris/workflows"
)

// stageServe is the stage of a task whose version was promoted and that this API does not serve yet.
const stageServe = "serve"

const (
	// servedWait is how long one request waits for the promoted version.
	servedWait = time.Second
	// servedPatience is how long after its end a task may be STARTED because this API cannot load its version.
	servedPatience = 10 * time.Second
	// servedSettled is how long after its end a task is checked. Later the champion may be any other version.
	servedSettled = time.Hour
)

// awaitServed makes sure that a task shows SUCCESS only when this API serves the version that the task promoted, or a
// champion after it. Until then the task is STARTED at the stage "serve". If the API cannot load the version in time,
// the task shows SUCCESS, and that the version is not served.
func (ts *tasks) awaitServed(ctx context.Context, t *Task) {
	promoted, ok := t.promoted()
	if !ok || t.EndedAt == nil {
		return
	}
	age := time.Since(*t.EndedAt)
	if age > servedSettled {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, servedWait)
	defer cancel()
	switch {
	case ts.cache.Await(ctx, promoted):
	case age > ts.servedPatience:
		t.Served = new(false)
	default:
		t.State, t.Stage, t.EndedAt, t.Result = workflows.Started, stageServe, nil, nil
	}
}

// awaitServedInList is awaitServed for an entry of a list, which has no result. Only an entry that ended a moment ago
// may change, so few need to be read.
func (ts *tasks) awaitServedInList(ctx context.Context, t *Task, runID string) {
	if t.State != workflows.Success || t.EndedAt == nil || t.Type == workflows.BatchType ||
		time.Since(*t.EndedAt) > ts.servedPatience {
		return
	}
	whole := *t
	if err := ts.readEnded(ctx, &whole, runID); err != nil {
		return // the list does without
	}
	ts.awaitServed(ctx, &whole)
	if whole.Stage == stageServe && whole.State == workflows.Started {
		t.State, t.Stage, t.EndedAt = whole.State, whole.Stage, nil
	}
}

// promoted returns the version that the task made the champion; ok is false if it promoted none.
func (t *Task) promoted() (key registry.VersionKey, ok bool) {
	switch {
	case t.State != workflows.Success || t.Result == nil:
	case t.Result.Training != nil && t.Result.Training.Gate.Decision == workflows.Promoted:
		r := t.Result.Training
		return registry.VersionKey{Model: r.Model, Number: r.Version, RunID: r.RunID}, true
	case t.Result.Promotion != nil && t.Result.Promotion.Promoted:
		return registry.VersionKey{Model: t.Model, Number: t.Result.Promotion.To}, true
	}
	return registry.VersionKey{}, false
}
