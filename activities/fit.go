package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"iris/internal/child"
	"iris/internal/dataset"
	"iris/internal/partition"
	"iris/internal/shift"
	"iris/model"
)

// fitJob is the part of an activity that needs much memory and time: a model to fit, or a spec to cross-validate. It
// depends on the object store alone.
type fitJob struct {
	Dataset  Dataset                `json:"dataset"`
	Spec     model.Spec             `json:"spec"`
	TestSize float64                `json:"test_size"`
	Share    float64                `json:"share,omitempty"`  // of the rows for training; 0 is all
	CV       *model.CrossValidation `json:"cv,omitempty"`     // nil fits one model on all rows for training
	Hold     bool                   `json:"hold,omitempty"`   // return what the cross-validation predicts
	Decide   *Decide                `json:"decide,omitempty"` // of the fitted model
}

// fitStep is the progress of a fitJob: an iteration of a fit, or a fit of a cross-validation.
type fitStep struct {
	model.Progress
	Metrics map[string]float64 `json:"metrics,omitempty"` // of a fit of a cross-validation
}

// fitResult is the result of a fitJob.
type fitResult struct {
	Split     partition.Split  `json:"split"`
	TrainRows int              `json:"train_rows"`
	TestRows  int              `json:"test_rows"`
	Seconds   float64          `json:"seconds"`             // without the time to read the rows
	Validated *model.Validated `json:"validated,omitempty"` // of a cross-validation
	Decision  *model.Decision  `json:"decision,omitempty"`  // of the fitted model

	Shift []dataset.Warning `json:"shift,omitempty"` // of a fit on all rows for training

	encoded []byte // the fitted model, or the model.HeldOut of a cross-validation
}

// run does the job in this process. It calls report for every step, on the calling goroutine.
func (j fitJob) run(ctx context.Context, data datasets, report func(fitStep)) (fitResult, error) {
	table, err := data.rows(ctx, j.Dataset, j.Dataset.Rows)
	if err != nil {
		return fitResult{}, err
	}
	split := partition.NewSplit(table, j.Spec.Seed, j.TestSize)
	train, test := split.Rows(table)
	result := fitResult{Split: split, TrainRows: len(train), TestRows: len(test)}
	if len(test) == 0 {
		return result, &dataset.RowError{
			Reason: "no row can be held out to test on: want at least two different rows of a class",
		}
	}
	if j.CV == nil {
		result.Shift = shift.Find(table, train, test)
	}
	table.Keep(train)
	if j.Share > 0 && j.Share < 1 {
		table.Keep(partition.Sample(table, j.Share, j.Spec.Seed))
		result.TrainRows = table.Rows()
	}
	start := time.Now()
	if j.CV != nil {
		validated, held, err := j.crossValidate(ctx, table, report)
		result.Validated, result.Seconds = &validated, time.Since(start).Seconds()
		if err == nil && held != nil {
			result.encoded, err = held.MarshalBinary()
		}
		return result, err
	}
	fitted, err := model.Train(ctx, table, j.Spec, func(p model.Progress) { report(fitStep{Progress: p}) })
	if err == nil && j.Decide != nil {
		fitted, err = fitted.Decide(ctx, table, j.Decide.Request, j.Decide.CV)
	}
	result.Seconds = time.Since(start).Seconds()
	if err != nil {
		return result, err
	}
	result.Decision = fitted.Decision()
	result.encoded, err = fitted.Encode()
	return result, err
}

// crossValidate reports a step for every fit; the iterations count from 1. It returns the predictions if the job holds
// them.
func (j fitJob) crossValidate(
	ctx context.Context, table *dataset.Table, report func(fitStep),
) (model.Validated, *model.HeldOut, error) {
	cv := j.CV.On(table)
	step := func(fit int, m model.Metrics) {
		report(fitStep{
			Progress: model.Progress{Iteration: fit + 1, Total: cv.Folds * cv.Repeats, Loss: m.LogLoss},
			Metrics:  m.Summary(),
		})
	}
	if j.Hold {
		return model.CrossValidateHolding(ctx, table, j.Spec, cv, step)
	}
	v, err := model.CrossValidate(ctx, table, j.Spec, cv, step)
	return v, nil, err
}

// fit waits for the memory of a job and does it. It calls step for every step, on the calling goroutine. A job that
// outgrows its estimate is done once more with all of the memory; a step that was reported is not reported again.
func (a *Activities) fit(ctx context.Context, j fitJob, report func(Progress), step func(fitStep)) (fitResult, error) {
	need := j.memory()
	if err := a.memory.check(need, j.String()); err != nil {
		return fitResult{}, err
	}
	last := -1
	once := func(s fitStep) {
		if s.Iteration > last {
			last = s.Iteration
			step(s)
		}
	}
	share, result, err := a.fitWithin(ctx, need, j, report, once)
	if errors.Is(err, child.ErrMemory) && share < a.memory.limit {
		share, result, err = a.fitWithin(ctx, a.memory.limit, j, report, once)
	}
	if errors.Is(err, child.ErrMemory) {
		err = fmt.Errorf("%w: %s needs more than %d MiB of memory: "+
			"use fewer rows or columns or another algorithm, or give the worker more memory (IRIS_MEMORY)",
			errMemory, j, mebibytes(share))
	}
	return result, err
}

// fitWithin does a job within that many bytes, after it has waited for them.
func (a *Activities) fitWithin(
	ctx context.Context, bytes int64, j fitJob, report func(Progress), step func(fitStep),
) (share int64, result fitResult, err error) {
	report(Progress{WaitsFor: waitsForMemory})
	share, giveBack, err := a.memory.take(ctx, bytes)
	if err != nil {
		return 0, fitResult{}, err
	}
	defer giveBack()
	report(Progress{})
	if a.o.Fits == nil {
		result, err = j.run(ctx, a.datasets, step)
	} else {
		result, err = a.o.Fits.run(ctx, share, j, step)
	}
	return share, result, err
}
