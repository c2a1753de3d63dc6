package activities

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// TrainModelInput is the spec to fit, and the rows to fit it on.
type TrainModelInput struct {
	Dataset  Dataset    `json:"dataset"`
	Spec     model.Spec `json:"spec"`
	TestSize float64    `json:"test_size"`
	Run      Run        `json:"run"`
}

// TrainedModel is a fitted model before it becomes a version.
type TrainedModel struct {
	Artifact  objstore.Ref  `json:"artifact"` // model.Encode
	Split     dataset.Split `json:"split"`    // decides which rows the fit does not see
	TrainRows int           `json:"train_rows"`
	TestRows  int           `json:"test_rows"`
	Seconds   float64       `json:"seconds"` // of the fit
}

// TrainModel fits a model on the rows that are not held out, and logs the loss of every iteration meanwhile. Running it
// twice is safe: the same input gives the same bytes under the same key.
func (a *Activities) TrainModel(ctx context.Context, in TrainModelInput) (TrainedModel, error) {
	report, stop := beat(ctx)
	defer stop()
	m, err := a.trainModel(ctx, in, report)
	return m, translate(ctx, err)
}

func (a *Activities) trainModel(ctx context.Context, in TrainModelInput, report func(Progress)) (TrainedModel, error) {
	curve := newCurve(ctx, a.o.MLflow, in.Run.ID)
	job := fitJob{Dataset: in.Dataset, Spec: in.Spec, TestSize: in.TestSize}
	fitted, err := a.fit(ctx, job, func(s fitStep) {
		report(Progress{Done: int64(s.Iteration), Total: int64(s.Total), Unit: "iterations", Loss: s.Loss})
		curve.add(s.Progress)
	})
	if err := cmp.Or(err, curve.close()); err != nil {
		return TrainedModel{}, err
	}
	if err := registry.CheckSize(len(fitted.encoded)); err != nil {
		return TrainedModel{}, err
	}
	key := objstore.TrainingKey(in.Run.ID, "model.json")
	ref, err := a.o.Store.Put(
		ctx,
		a.o.Bucket,
		key,
		bytes.NewReader(fitted.encoded),
		int64(len(fitted.encoded)),
		"application/json",
	)
	return TrainedModel{
		Artifact: ref, Split: fitted.Split, TrainRows: fitted.TrainRows, TestRows: fitted.TestRows, Seconds: fitted.Seconds,
	}, err
}

// curveInterval is how often the points of the loss curve are sent: often enough to watch, and rarely enough for a fit
// whose iterations take microseconds.
const curveInterval = time.Second

// curve sends the loss of every iteration to MLflow. It uses its own goroutine, so that the fit does not wait.
type curve struct {
	points chan model.Progress
	result chan error
}

func newCurve(ctx context.Context, client *mlflow.Client, runID string) *curve {
	c := &curve{points: make(chan model.Progress, 1024), result: make(chan error, 1)}
	go func() { c.result <- c.send(ctx, client, runID) }()
	return c
}

func (c *curve) add(p model.Progress) { c.points <- p }

// close sends the remaining points, ends the goroutine and returns the first error.
func (c *curve) close() error {
	close(c.points)
	return <-c.result
}

// send reads until the channel is closed, also after an error, so that add never blocks.
func (c *curve) send(ctx context.Context, client *mlflow.Client, runID string) (err error) {
	tick := time.NewTicker(curveInterval)
	defer tick.Stop()
	var pending []mlflow.Metric
	flush := func() {
		if err == nil && len(pending) > 0 {
			err = client.LogBatch(ctx, runID, mlflow.Batch{Metrics: pending})
		}
		pending = pending[:0]
	}
	for {
		select {
		case p, open := <-c.points:
			if !open {
				flush()
				return err
			}
			pending = append(pending, mlflow.Metric{Key: "loss", Value: p.Loss, Time: time.Now(), Step: int64(p.Iteration)})
		case <-tick.C:
			flush()
		}
	}
}

// load reads a fitted model and checks its hash.
func (a *Activities) load(ctx context.Context, ref objstore.Ref) (*model.Model, []byte, error) {
	data, err := a.bytes(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != ref.SHA256 {
		return nil, nil, fmt.Errorf("read %s: %w", ref.URI(), errCorrupt)
	}
	m, err := model.Decode(data)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w: %w", ref.URI(), errCorrupt, err)
	}
	return m, data, nil
}
