package activities

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/semaphore"

	"iris/model"
)

// processMemory is what a process needs beside its fit, in bytes.
const processMemory = 32 << 20

// errMemory marks a fit that needs more memory than this worker may use.
var errMemory = errors.New("not enough memory")

// memory divides the memory of a worker among the activities that need much of it.
type memory struct {
	limit int64 // bytes; 0 sets no limit
	free  *semaphore.Weighted
}

func newMemory(limit int64) memory { return memory{limit: limit, free: semaphore.NewWeighted(limit)} }

// take waits for that many bytes, at most all, and returns how many it got. The caller gives them back. If ctx ends
// first, take returns its error. Who waits longest is served first, so a large fit is not overtaken for ever.
func (m memory) take(ctx context.Context, bytes int64) (share int64, giveBack func(), err error) {
	if m.limit == 0 {
		return 0, func() {}, nil
	}
	share = min(bytes, m.limit)
	if err := m.free.Acquire(ctx, share); err != nil {
		return 0, nil, err
	}
	return share, func() { m.free.Release(share) }, nil
}

// check refuses what can never be done within the limit. what describes the work and its data.
func (m memory) check(bytes int64, what string) error {
	if m.limit == 0 || bytes <= m.limit {
		return nil
	}
	return fmt.Errorf("%w: %s needs about %d MiB, and this worker may use %d MiB: "+
		"use fewer rows or columns or another algorithm, or give the worker more memory (IRIS_MEMORY)",
		errMemory, what, mebibytes(bytes), mebibytes(m.limit))
}

// mebibytes rounds up.
func mebibytes(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }

// size returns the size of a number of rows of d.
func (d Dataset) size(rows int) model.Size {
	return model.Size{
		Rows: rows, Features: d.Features, Classes: d.Classes, Processors: runtime.GOMAXPROCS(0), Inputs: d.Inputs,
	}
}

// memory estimates the bytes that a process needs for the job. It reads all rows, and then uses a part of them.
func (j fitJob) memory() int64 {
	all := j.Dataset.size(j.Dataset.Rows)
	used := all
	used.Rows = int(float64(all.Rows) * (1 - j.TestSize))
	if j.Share > 0 {
		used.Rows = int(float64(used.Rows) * j.Share)
	}
	rest := processMemory + all.TableMemory() - used.TableMemory()
	if j.CV != nil {
		return rest + model.ValidationMemory(j.Spec, used, j.CV.Folds)
	}
	if j.Decide != nil && j.Decide.Request.ThresholdMetric != "" {
		return rest + max(model.FitMemory(j.Spec, used), model.ValidationMemory(j.Spec, used, j.Decide.CV.Folds))
	}
	return rest + model.FitMemory(j.Spec, used)
}

// String describes the job for a message.
func (j fitJob) String() string {
	return fmt.Sprintf("a fit of %s on %s", j.Spec.Algorithm, j.Dataset.size(j.Dataset.Rows))
}

// checkMemory refuses a dataset that no worker of this size can train on. If the spec is not known yet, only the table
// must fit.
func (a *Activities) checkMemory(d Dataset, spec *model.Spec, testSize float64) error {
	if spec == nil {
		size := d.size(d.Rows)
		return a.memory.check(processMemory+size.TableMemory(), fmt.Sprintf("a table of %s", size))
	}
	j := fitJob{Dataset: d, Spec: *spec, TestSize: testSize}
	return a.memory.check(j.memory(), j.String())
}

// takeTable waits for the memory of rows of d and of what is computed from them.
func (a *Activities) takeTable(ctx context.Context, d Dataset, rows int) (giveBack func(), err error) {
	_, giveBack, err = a.memory.take(ctx, 2*d.size(rows).TableMemory())
	return giveBack, err
}
