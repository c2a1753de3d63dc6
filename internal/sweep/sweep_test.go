package sweep_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/sweep"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// world has real servers, and a worker with workflows that follow an instruction.
type world struct {
	t          *testing.T
	temporal   client.Client
	namespace  string
	store      *objstore.Store
	mlflow     *mlflow.Client
	registry   *registry.Registry
	bucket     string
	experiment string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	a := testenv.All(t)
	w := &world{
		t: t, namespace: testenv.Namespace(t), store: testenv.S3(t), mlflow: testenv.MLflow(t), bucket: testenv.Bucket(t),
	}
	var err error
	w.registry, err = registry.New(registry.Options{MLflow: w.mlflow, Store: w.store, Bucket: w.bucket})
	w.must(err)
	w.temporal, err = client.Dial(client.Options{HostPort: a.Temporal, Namespace: w.namespace, Logger: quiet})
	w.must(err)
	t.Cleanup(w.temporal.Close)
	w.experiment, err = w.mlflow.EnsureExperiment(t.Context(), testenv.Name())
	w.must(err)
	wk := worker.New(w.temporal, "queue", worker.Options{})
	for _, name := range []string{"Training", "BatchPrediction"} {
		wk.RegisterWorkflowWithOptions(follow, workflow.RegisterOptions{Name: name})
	}
	w.must(wk.Start())
	t.Cleanup(wk.Stop)
	return w
}

var quiet = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

// follow is a workflow that blocks, fails or completes.
func follow(ctx workflow.Context, how string) (map[string]string, error) {
	switch how {
	case "block":
		ctx.Done().Receive(ctx, nil)
		return nil, ctx.Err()
	case "fail":
		return nil, temporal.NewNonRetryableApplicationError("line 3: no", "BadDataset", nil)
	}
	return map[string]string{"version": "7"}, nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// start starts a workflow and returns its execution. Unless it blocks, start waits for its end.
func (w *world) start(id, workflowType, how string) string {
	w.t.Helper()
	run, err := w.temporal.ExecuteWorkflow(
		w.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "queue"}, workflowType, how)
	w.must(err)
	if how != "block" {
		_ = run.Get(w.t.Context(), nil)
		return run.GetRunID()
	}
	// A workflow that has begun can be cancelled, terminated and reset.
	for {
		d, err := w.temporal.DescribeWorkflowExecution(w.t.Context(), id, "")
		w.must(err)
		if d.GetWorkflowExecutionInfo().GetHistoryLength() > 3 {
			return run.GetRunID()
		}
	}
}

// end terminates, cancels, deletes or resets a workflow and waits until Temporal says so.
func (w *world) end(id, how string) {
	w.t.Helper()
	ctx := w.t.Context()
	execution := &commonpb.WorkflowExecution{WorkflowId: id}
	var err error
	switch how {
	case "terminate":
		err = w.temporal.TerminateWorkflow(ctx, id, "", "test")
	case "cancel":
		err = w.temporal.CancelWorkflow(ctx, id, "")
	case "delete":
		_, err = w.temporal.WorkflowService().DeleteWorkflowExecution(ctx,
			&workflowservice.DeleteWorkflowExecutionRequest{Namespace: w.namespace, WorkflowExecution: execution})
	case "reset":
		_, err = w.temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
			Namespace: w.namespace, WorkflowExecution: execution, Reason: "test", RequestId: testenv.Name(),
			WorkflowTaskFinishEventId: 4,
		})
		w.must(err)
		return
	}
	w.must(err)
	for {
		d, err := w.temporal.DescribeWorkflowExecution(ctx, id, "")
		var unknown *serviceerror.NotFound
		if errors.As(err, &unknown) {
			return
		}
		w.must(err)
		if how != "delete" && d.GetWorkflowExecutionInfo().GetCloseTime() != nil {
			return
		}
	}
}

// run opens a run in MLflow, as StartRun does.
func (w *world) run(tags map[string]string) mlflow.Run {
	w.t.Helper()
	run, err := w.mlflow.CreateRun(w.t.Context(), mlflow.NewRun{
		ExperimentID: w.experiment, Name: "run", Start: time.Now().Add(-time.Minute), Tags: tags,
	})
	w.must(err)
	return run
}

// training starts a workflow and opens its run. The task leaves a trace if namespace is not empty.
func (w *world) training(id, how, namespace string) mlflow.Run {
	w.t.Helper()
	execution := w.start(id, "Training", how)
	if namespace != "" {
		w.trace(id, "Training", namespace)
	}
	return w.run(map[string]string{
		sweep.TagExecution: execution, sweep.TagWorkflow: id, "mlflow.source.name": "iris",
	})
}

func (w *world) trace(id, workflowType, namespace string) {
	w.t.Helper()
	w.must(sweep.WriteTrace(w.t.Context(), w.store, w.bucket, sweep.Trace{
		TaskID: id, Type: workflowType, Model: "iris", Namespace: namespace, AcceptedAt: time.Now().Add(-time.Minute),
	}))
}

// options are those of a sweep to which everything is old.
func (w *world) options(dryRun bool) sweep.Options {
	return sweep.Options{
		MLflow: w.mlflow, Registry: w.registry, Store: w.store, Bucket: w.bucket,
		Temporal: w.temporal, Namespace: w.namespace, Logger: quiet,
		Beat: func(sweep.Report) {},
		Outcome: func(err error) (string, *sweep.StatusError) {
			if err == nil {
				return "SUCCESS", nil
			}
			return "FAILURE", &sweep.StatusError{Type: "Internal", Message: err.Error()}
		},
		Settings: sweep.Settings{
			Grace: time.Nanosecond, Leftovers: time.Nanosecond, Uploads: time.Nanosecond, DryRun: dryRun,
		},
	}
}

func (w *world) sweeper(dryRun bool) *sweep.Sweeper {
	return sweep.New(w.options(dryRun), sweep.Report{})
}

type step = func(*sweep.Sweeper, context.Context) (sweep.Report, error)

// sweeps runs a step dry, which must change nothing according to unchanged, and then twice at the same time. It returns
// what the dry run reports.
func (w *world) sweeps(do step, unchanged func()) []string {
	w.t.Helper()
	dry, err := do(w.sweeper(true), w.t.Context())
	w.must(err)
	unchanged()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			report, err := do(w.sweeper(false), context.WithoutCancel(w.t.Context()))
			if err != nil || report.Failed > 0 {
				w.t.Errorf("report %+v, error %v; want no failure", report, err)
			}
		})
	}
	both.Wait()
	again, err := do(w.sweeper(false), w.t.Context())
	if err != nil || again.Acted > 0 {
		w.t.Errorf("the next sweep: %+v, error %v; want nothing to do", again, err)
	}
	return dry.Acts
}

func (w *world) wantRun(name string, run mlflow.Run, want mlflow.RunStatus) {
	w.t.Helper()
	got, err := w.mlflow.GetRun(w.t.Context(), run.ID)
	w.must(err)
	if got.Status != want || (want == mlflow.RunRunning) == (got.Tags["reason"] != "") {
		w.t.Errorf("%s: the run is %s, reason %q; want %s with a reason if it was ended",
			name, got.Status, got.Tags["reason"], want)
	}
}

func TestRuns(t *testing.T) {
	w := newWorld(t)
	ours, other := w.namespace, "another"
	type training struct {
		how, namespace, end string
		want                mlflow.RunStatus
	}
	runs, trials := map[string]mlflow.Run{}, map[string]mlflow.Run{}
	tests := map[string]training{
		"running":                  {"block", ours, "", mlflow.RunRunning},
		"terminated":               {"block", "", "terminate", mlflow.RunKilled},
		"cancelled":                {"block", ours, "cancel", mlflow.RunKilled},
		"failed":                   {"fail", "", "", mlflow.RunFailed},
		"completed":                {"complete", ours, "", mlflow.RunFinished},
		"deleted":                  {"block", ours, "delete", mlflow.RunKilled},
		"deleted-of-nobody":        {"block", "", "delete", mlflow.RunRunning},
		"deleted-of-another":       {"block", other, "delete", mlflow.RunRunning},
		"reset-and-running":        {"block", ours, "reset", mlflow.RunRunning},
		"completed-and-reset-once": {"complete", ours, "reset", mlflow.RunKilled},
	}
	for name, test := range tests {
		runs[name] = w.training(name, test.how, test.namespace)
		trials[name] = w.run(map[string]string{
			sweep.TagParent: runs[name].ID, sweep.TagTrial: runs[name].ID + "/1", "mlflow.source.name": "iris",
		})
		if test.end != "" {
			w.end(name, test.end)
		}
	}
	w.must(w.temporal.GetWorkflow(t.Context(), "completed-and-reset-once", "").Get(t.Context(), nil))
	foreign := w.run(map[string]string{sweep.TagWorkflow: "terminated"})
	acts := w.sweeps((*sweep.Sweeper).Runs, func() {
		for name, run := range runs {
			w.wantRun("dry: "+name, run, mlflow.RunRunning)
		}
	})
	for name, test := range tests {
		w.wantRun(name, runs[name], test.want)
		w.wantRun("the trial of "+name, trials[name], test.want)
		said := slices.ContainsFunc(acts, func(act string) bool { return strings.Contains(act, runs[name].ID) })
		if said != (test.want != mlflow.RunRunning) {
			t.Errorf("the dry run says %v about %s, which becomes %s", acts, name, test.want)
		}
	}
	w.wantRun("of another program", foreign, mlflow.RunRunning)

	w.end("reset-and-running", "terminate") // now nobody will close its run
	_, err := w.sweeper(false).Runs(t.Context())
	w.must(err)
	w.wantRun("reset, then terminated", runs["reset-and-running"], mlflow.RunKilled)
}

func TestLoggedModels(t *testing.T) {
	w := newWorld(t)
	models := map[string]mlflow.LoggedModel{}
	for _, id := range []string{"running", "terminated"} {
		run := w.training(id, "block", "")
		logged, err := w.mlflow.CreateLoggedModel(t.Context(), mlflow.NewLoggedModel{
			ExperimentID: w.experiment, Name: "model", RunID: run.ID, Tags: map[string]string{"iris.task_id": id},
		})
		w.must(err)
		models[id] = logged
	}
	w.end("terminated", "terminate")
	status := func(id string) mlflow.LoggedModelStatus {
		logged, err := w.mlflow.GetLoggedModel(t.Context(), models[id].ID)
		w.must(err)
		return logged.Status
	}
	w.sweeps((*sweep.Sweeper).LoggedModels, func() {
		if got := status("terminated"); got != mlflow.LoggedModelPending {
			t.Errorf("after a dry run the model is %s", got)
		}
	})
	if got := status("terminated"); got != mlflow.LoggedModelUploadFailed {
		t.Errorf("the model of a terminated training is %s, want %s", got, mlflow.LoggedModelUploadFailed)
	}
	if got := status("running"); got != mlflow.LoggedModelPending {
		t.Errorf("the model of a running training is %s, want %s", got, mlflow.LoggedModelPending)
	}
}

// MLflow has acted on the creation of a version once more, after the end of its training.
func TestVersions(t *testing.T) {
	w := newWorld(t)
	model := testenv.Name()
	w.must(w.mlflow.EnsureRegisteredModel(t.Context(), model, "", nil))
	register := func(run mlflow.Run, loggedModel string, tags map[string]string) string {
		t.Helper()
		v, err := w.mlflow.CreateVersion(t.Context(), mlflow.NewVersion{
			Name: model, RunID: run.ID, LoggedModelID: loggedModel, Tags: tags,
		})
		w.must(err)
		return v.Version
	}
	type training struct{ oldest, twin, byHand string }
	trainings := map[string]training{}
	for _, id := range []string{"running", "terminated", "completed", "promoted"} {
		how := "block"
		if id == "completed" || id == "promoted" {
			how = "complete"
		}
		run := w.training(id, how, w.namespace)
		logged, err := w.mlflow.CreateLoggedModel(t.Context(), mlflow.NewLoggedModel{
			ExperimentID: w.experiment, Name: "model", RunID: run.ID, Tags: map[string]string{"iris.task_id": id},
		})
		w.must(err)
		tags := map[string]string{"iris.task_id": id}
		trainings[id] = training{
			register(run, logged.ID, tags), register(run, logged.ID, tags), register(run, logged.ID, nil),
		}
	}
	w.end("terminated", "terminate")
	// Somebody has promoted a twin: it stays, with a tag.
	w.must(w.mlflow.SetAlias(t.Context(), model, registry.ChampionAlias, trainings["promoted"].twin))
	exists := func(version string) (exists bool, duplicateOf string) {
		t.Helper()
		v, err := w.mlflow.GetVersion(t.Context(), model, version)
		if errors.Is(err, mlflow.ErrNotExist) {
			return false, ""
		}
		w.must(err)
		return true, v.Tags[mlflow.DuplicateTag]
	}
	acts := w.sweeps((*sweep.Sweeper).Versions, func() {
		for id, of := range trainings {
			if there, duplicateOf := exists(of.twin); !there || duplicateOf != "" {
				t.Errorf("a dry run has discarded the twin of the training that is %s", id)
			}
		}
	})
	for id, of := range trainings {
		there, duplicateOf := exists(of.twin)
		switch id {
		case "running":
			if !there {
				t.Error("the twin of a training that runs was discarded")
			}
		case "promoted":
			if !there || duplicateOf != of.oldest {
				t.Errorf("the twin that was promoted exists: %t, as a duplicate of %q", there, duplicateOf)
			}
		default:
			if there {
				t.Errorf("the twin of the training that is %s is there", id)
			}
		}
		for _, version := range []string{of.oldest, of.byHand} {
			if there, duplicateOf := exists(version); !there || duplicateOf != "" {
				t.Errorf("version %s of the training that is %s was discarded", version, id)
			}
		}
		what := "version " + of.twin + " of " + model
		said := slices.ContainsFunc(acts, func(act string) bool { return strings.HasPrefix(act, what) })
		if said == (id == "running") {
			t.Errorf("the dry run says %v about the training that is %s", acts, id)
		}
	}
}

func TestTasks(t *testing.T) {
	w := newWorld(t)
	for id, how := range map[string]string{
		"running": "block", "terminated": "block", "deleted": "block", "completed": "complete", "batch": "complete",
		"saved": "complete",
	} {
		workflowType := "Training"
		if id == "batch" {
			workflowType = "BatchPrediction"
		}
		w.start(id, workflowType, how)
		w.trace(id, workflowType, w.namespace)
	}
	w.end("terminated", "terminate")
	w.end("deleted", "delete")
	w.trace("of another", "Training", "another")
	saved := sweep.Status{TaskID: "saved", State: "FAILURE", UpdatedAt: time.Now()}
	_, err := w.store.PutJSON(t.Context(), w.bucket, objstore.TaskKey("saved"), saved)
	w.must(err)
	stored := func(id string) (status sweep.Status) {
		err := w.store.GetJSON(t.Context(), w.bucket, objstore.TaskKey(id), &status)
		if err != nil && !errors.Is(err, objstore.ErrNotExist) {
			t.Error(err)
		}
		return status
	}
	w.sweeps((*sweep.Sweeper).Tasks, func() {
		if got := stored("deleted"); got.State != "" {
			t.Errorf("a dry run has stored %+v", got)
		}
	})
	for id, want := range map[string]string{
		"running": "", "of another": "", "terminated": "FAILURE", "deleted": "LOST", "completed": "SUCCESS",
		"batch": "SUCCESS", "saved": "FAILURE",
	} {
		got := stored(id)
		if got.State != want {
			t.Errorf("%s is stored as %q, want %q", id, got.State, want)
		}
		_, err := sweep.ReadTrace(t.Context(), w.store, w.bucket, id)
		if kept := err == nil; kept != (want == "") {
			t.Errorf("the trace of %s is kept: %t (%v), want it until the status is stored", id, kept, err)
		}
	}
	lost, done, batch := stored("deleted"), stored("completed"), stored("batch")
	if lost.Model != "iris" || lost.Type != "Training" || lost.EndedAt == nil || lost.Error.Type != sweep.LostType {
		t.Errorf("the lost task is stored as %+v, want what is known of it", lost)
	}
	const result = `{"version":"7"}`
	if string(done.Training) != result || string(batch.Batch) != result || done.EndedAt == nil {
		t.Errorf("the completed tasks are stored as %+v and %+v, want their results", done, batch)
	}
}

func TestUploads(t *testing.T) {
	w := newWorld(t)
	var uploads sync.WaitGroup
	var writers []*io.PipeWriter
	for key, want := range map[string]bool{"batches/b/part-00000.csv": false, "backups/b.tar": true} {
		reader, writer := io.Pipe()
		uploads.Go(func() {
			_, err := w.store.Put(context.Background(), w.bucket, key, reader, -1, "")
			if stored := err == nil; stored != want {
				t.Errorf("the upload of %s ended with %v; want the own one to be aborted, and the other to be stored", key, err)
			}
			_ = reader.CloseWithError(err)
		})
		_, err := writer.Write(make([]byte, 17<<20)) // more than one part
		w.must(err)
		writers = append(writers, writer)
	}
	begun := func() []objstore.Upload {
		uploads, err := w.store.Uploads(t.Context(), w.bucket)
		w.must(err)
		return uploads
	}
	for len(begun()) < 2 { // an upload begins when its first part is full
		w.must(t.Context().Err())
	}
	w.sweeps((*sweep.Sweeper).Uploads, func() {
		if got := begun(); len(got) != 2 {
			t.Errorf("after a dry run there are %d uploads, want 2", len(got))
		}
	})
	if got := begun(); len(got) != 1 || got[0].Ref.Key != "backups/b.tar" {
		t.Errorf("uploads %+v are left, want only the one of another program", got)
	}
	for _, writer := range writers {
		_ = writer.Close()
	}
	uploads.Wait()
}

func TestObjects(t *testing.T) {
	w := newWorld(t)
	put := func(key string) {
		t.Helper()
		_, err := w.store.Put(t.Context(), w.bucket, key, strings.NewReader("x"), 1, "")
		w.must(err)
	}
	// Trainings.
	waiting, over := w.training("waiting", "block", ""), w.training("over", "complete", "")
	w.must(w.mlflow.UpdateRun(t.Context(), over.ID, mlflow.RunFinished, time.Now().Add(-time.Hour)))
	for _, run := range []string{waiting.ID, over.ID, "unknown"} {
		put(objstore.TrainingKey(run, "model.json"))
		put(objstore.TrainingKey(run, "report.json"))
		put(objstore.TrialKey(run, "candidate 1"))
		put(objstore.HeldOutKey(run, "candidate 1"))
	}
	put("trainings-of-others/x")
	// Batches. The names of their objects sort around the manifest.
	w.start("running", "BatchPrediction", "block")
	for _, id := range []string{"running", "failed", "cancelled", "fresh id"} {
		put(objstore.BatchInputKey(id, "csv"))
		put(objstore.BatchPartKey(id, 0, "csv"))
		state := map[string]string{"cancelled": "REVOKED", "fresh id": ""}[id]
		if state == "" {
			state = "FAILURE"
		}
		if id != "fresh id" {
			_, err := w.store.PutJSON(t.Context(), w.bucket, objstore.TaskKey(id),
				sweep.Status{TaskID: id, State: state, UpdatedAt: time.Now().Add(-time.Minute)})
			w.must(err)
		}
	}
	put(objstore.BatchManifestKey("cancelled"))
	keys := func() (keys []string) {
		for _, prefix := range []string{"trainings", "batches"} {
			refs, err := w.store.List(t.Context(), w.bucket, prefix)
			w.must(err)
			for _, ref := range refs {
				keys = append(keys, ref.Key)
			}
		}
		return keys
	}
	before := keys()
	unchanged := func() {
		if got := keys(); !slices.Equal(got, before) {
			t.Errorf("after a dry run %v are left of %v", got, before)
		}
	}
	w.sweeps((*sweep.Sweeper).Trainings, unchanged)
	before = slices.DeleteFunc(before, func(key string) bool { return strings.HasPrefix(key, "trainings/"+over.ID) })
	unchanged()
	w.sweeps((*sweep.Sweeper).Batches, unchanged)
	before = slices.DeleteFunc(before, func(key string) bool { return strings.HasPrefix(key, "batches/failed/") })
	unchanged()
}
