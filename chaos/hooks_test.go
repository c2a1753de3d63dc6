package chaos

import (
	"context"
	"net/http"
	"syscall"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"iris/internal/stack"
)

// hookOf returns what a fate does besides what the proxy does to the request, or nil.
func (w *world) hookOf(ctx context.Context, t *task, r *rule) func(*program) {
	switch r.fate {
	case killBefore, killAfter:
		return func(p *program) { w.end(ctx, p, syscall.SIGKILL) }
	case stopAfter:
		return func(p *program) { w.end(ctx, p, syscall.SIGTERM) }
	case freeze:
		return func(p *program) { r.over.Go(func() { w.freeze(ctx, p) }) }
	case terminate, forget, cancelled, reset:
		return func(*program) { w.operate(ctx, t, r.fate) }
	case aliasMoved, aliasRemoved:
		return func(*program) { w.moveAlias(ctx, t, r.fate) }
	}
	part, how := dependencyFate(r.fate)
	if part == "" {
		return nil
	}
	return func(*program) { r.over.Go(func() { w.disturb(ctx, part, how) }) }
}

// end ends a process. At most one API is down at a time, because predictions must go on.
func (w *world) end(ctx context.Context, p *program, s syscall.Signal) {
	if p.url == "" {
		_ = p.signal(s) // it may have ended by itself
		return
	}
	w.apiDown.Lock()
	before := p.started()
	_ = p.signal(s)
	go func() {
		defer w.apiDown.Unlock()
		_ = w.await(ctx, p.name, time.Minute, func() bool { return p.started() > before && p.answers() })
	}()
}

// freeze stops a process for longer than the heartbeat timeout of activities.
func (w *world) freeze(ctx context.Context, p *program) {
	if p.url != "" {
		w.apiDown.Lock()
		defer w.apiDown.Unlock()
	}
	_ = p.signal(syscall.SIGSTOP)
	pause(ctx, frozenFor)
	_ = p.signal(syscall.SIGCONT)
	if p.url != "" {
		_ = w.await(ctx, p.name, time.Minute, p.answers)
	}
}

// operate does to the workflow of a task what an operator could do by mistake.
func (w *world) operate(ctx context.Context, t *task, f fate) {
	id, err := t.workflowID(ctx)
	if err != nil {
		w.complain("%s of %s: %v", f, t.model, err)
		return
	}
	switch f {
	case terminate:
		err = w.temporal.TerminateWorkflow(ctx, id, "", "by hand")
	case cancelled:
		err = w.temporal.CancelWorkflow(ctx, id, "")
	case forget:
		_, err = w.temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
			Namespace: client.DefaultNamespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
		})
	default:
		err = w.reset(ctx, id)
	}
	if err != nil {
		w.complain("%s of %s: %v", f, id, err)
	}
}

// reset takes a workflow back to its last completed workflow task.
func (w *world) reset(ctx context.Context, id string) error {
	var last int64
	history := w.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return err
		}
		if event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			last = event.GetEventId()
		}
	}
	_, err := w.temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:                 client.DefaultNamespace,
		WorkflowExecution:         &commonpb.WorkflowExecution{WorkflowId: id},
		Reason:                    "by hand",
		WorkflowTaskFinishEventId: last,
		RequestId:                 id,
	})
	return err
}

// moveAlias moves the champion of a model in MLflow behind the back of Iris.
func (w *world) moveAlias(ctx context.Context, t *task, f fate) {
	body := map[string]string{"name": t.model, "alias": "champion", "version": "1"}
	method := http.MethodPost
	if f == aliasRemoved {
		method = http.MethodDelete
		delete(body, "version")
	}
	if err := w.mlflow(ctx, method, "registered-models/alias", body, nil); err != nil {
		w.complain("%s of %s: %v", f, t.model, err)
	}
}

// harm is how a dependency is disturbed.
type harm int

const (
	restarts harm = iota
	killed
	frozen
	full
)

// dependencyFate returns what a fate disturbs, and how; "" for a fate of anything else.
func dependencyFate(f fate) (stack.Part, harm) {
	switch f {
	case mlflowRestarts:
		return stack.MLflow, restarts
	case mlflowKilled:
		return stack.MLflow, killed
	case mlflowFrozen:
		return stack.MLflow, frozen
	case s3Restarts:
		return stack.MinIO, restarts
	case s3Killed:
		return stack.MinIO, killed
	case s3Frozen:
		return stack.MinIO, frozen
	case temporalRestarts:
		return stack.Temporal, restarts
	case temporalKilled:
		return stack.Temporal, killed
	case temporalFrozen:
		return stack.Temporal, frozen
	case diskFull:
		return stack.MinIO, full
	}
	return "", 0
}

// disturb harms a dependency, and returns when it works again.
func (w *world) disturb(ctx context.Context, part stack.Part, how harm) {
	var err error
	switch how {
	case frozen:
		err = w.stack.Signal(part, syscall.SIGSTOP)
		pause(ctx, frozenFor)
		_ = w.stack.Signal(part, syscall.SIGCONT) // it fails as the first signal did
	case full:
		err = w.fillDisk(ctx)
	default:
		signal := syscall.SIGTERM
		if how == killed {
			signal = syscall.SIGKILL
		}
		if err = w.stack.End(ctx, part, signal); err == nil {
			err = w.stack.Extend(ctx, part)
		}
	}
	if err != nil {
		w.complain("disturb %s: %v", part, err)
	}
}

// fillDisk fills the disk of MinIO for a while. Without a disk of its own, the proxy refuses to write.
func (w *world) fillDisk(ctx context.Context) error {
	filled, err := w.disk.fill()
	if err != nil {
		return err
	}
	if !filled {
		w.proxies[s3Dep].setFull(true)
	}
	pause(ctx, fullFor)
	if !filled {
		w.proxies[s3Dep].setFull(false)
		return nil
	}
	return w.disk.empty()
}
