package apiserver

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/apiserver/starts"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/model"
	"iris/workflows"
)

// trainings starts and shows trainings.
type trainings struct {
	tasks     *tasks
	starts    *starts.Starts
	models    *serving.Models
	catalogue *catalogue.Catalogue
	uploads   *uploads
	answers   *idempotency.Answers
	schema    func(ctx context.Context, modelName string) (*dataset.Schema, error) // nil for a new model
	maxUpload int64                                                                // bytes of a CSV
}

// start starts a training. The data is in the body, in the object store, or bundled with the program.
func (ts *trainings) start(w http.ResponseWriter, r *http.Request) error {
	name := ts.models.Name(r)
	if err := model.CheckName(name); err != nil {
		return problem.Invalid(problem.Fault{Parameter: "model", Detail: err.Error()})
	}
	t := newTrainingRequest(name)
	if err := t.readQuery(r.URL.RawQuery, t.parameters()); err != nil {
		return err
	}
	var err error
	if t.key, err = idempotency.Key(r); err != nil {
		return err
	}
	media, err := httpio.MediaType(r)
	if err != nil {
		return err
	}
	release, err := ts.answers.Hold(r.Context(), "a training of "+name, t.key)
	if err != nil {
		return err
	}
	defer release() // net/http sends the small answer of a start after the handler has returned
	switch {
	case media == "application/json":
		body, err := httpio.ReadBody(r, nil, maxRequestPart)
		if err != nil {
			return err
		}
		if err := t.readJSON(body); err != nil {
			return err
		}
	case isTable(media):
		return ts.startWithUpload(w, r, t, plainBody(r, media), httpio.NothingFollows)
	case media == "multipart/form-data":
		file, atEnd, err := httpio.FormFile(r, t.readPart)
		if err != nil {
			return err
		}
		if file != nil {
			return ts.startWithUpload(w, r, t, partBody(file), atEnd)
		}
	case hasBody(r):
		return wrongTable(media, ", or application/json")
	}
	return ts.startWithStored(w, r, t)
}

// hasBody reports whether r has a body. If the client does not say, hasBody reads a byte.
func hasBody(r *http.Request) bool {
	if r.ContentLength != -1 {
		return r.ContentLength > 0
	}
	n, err := io.ReadFull(r.Body, make([]byte, 1))
	return n > 0 || err != io.EOF
}

// startTask starts the workflow and answers where to follow it.
func (ts *trainings) startTask(
	ctx context.Context, w http.ResponseWriter, t *trainingRequest, task starts.Task,
) error {
	if t.key != "" {
		task.ID, task.Fingerprint = workflows.KeyedTrainingID(t.in.Model, t.key), t.fingerprint
	}
	task.Model, task.Priority, task.Workflow = t.in.Model, workflows.PriorityTraining, workflows.Training
	release, err := ts.starts.Admit(ctx)
	if err != nil {
		return err
	}
	defer release()
	if _, err := ts.starts.Once(ctx, task); err != nil {
		return err
	}
	return ts.tasks.accept(
		ctx, w, workflows.TrainingType, task.Model, trainingLocation(task.Model, task.ID),
		Accepted{TaskID: task.ID, Data: t.found})
}

// trainingTask returns the task of a training.
func trainingTask(id string, in workflows.TrainingInput, data string) starts.Task {
	return starts.Task{ID: id, Input: in, Summary: fmt.Sprintf("train %s (%s) on %s", in.Model, in.Algorithm, data)}
}

type trainingInput struct {
	Model  string `path:"model" doc:"The name of a model." example:"iris"`
	TaskID string `path:"task_id" doc:"The task_id of the 202 response."`
	WaitQuery
}

// get returns a training of a model.
func (ts *trainings) get(ctx context.Context, in *trainingInput) (*taskOutput, error) {
	t, err := ts.tasks.await(ctx, in.duration(), func(ctx context.Context) (Task, error) {
		return ts.tasks.findFor(ctx, in.TaskID, workflows.TrainingType, in.Model)
	})
	return &taskOutput{Status: http.StatusOK, Body: t}, err
}

// getDefault returns a training of the default model.
func (ts *trainings) getDefault(ctx context.Context, in *getTaskInput) (*taskOutput, error) {
	return ts.get(ctx, &trainingInput{Model: ts.models.DefaultModel, TaskID: in.TaskID, WaitQuery: in.WaitQuery})
}
