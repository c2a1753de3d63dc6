package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/model"
)

// lossMetric is the name of the loss curve in MLflow.
const lossMetric = "loss"

const (
	// curveInterval is how often the points of the loss curve are sent: often enough to watch, and rarely enough for a fit
	// whose iterations take microseconds.
	curveInterval = time.Second
	// curvePatience bounds how long the end of a fit waits for MLflow. FinishRun sends what is missing then.
	curvePatience = 5 * time.Second
)

// curve sends the loss of every iteration to MLflow while a fit runs. It is for people who watch, so the fit never
// waits for it, and an error only delays its points.
type curve struct {
	log     curveLog
	at      time.Time // of all points
	closing chan struct{}
	done    chan struct{}

	mu     sync.Mutex
	points []mlflow.Metric
}

func newCurve(ctx context.Context, client *mlflow.Client, runID string) *curve {
	c := &curve{
		log: curveLog{client: client, runID: runID},
		// This time is the same for every attempt. If MLflow acts late on a request of an earlier attempt, it has the same
		// points already.
		at:      activity.GetInfo(ctx).ScheduledTime,
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	go c.run(ctx)
	return c
}

func (c *curve) add(p model.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.points = append(c.points, mlflow.Metric{Key: lossMetric, Value: p.Loss, Time: c.at, Step: int64(p.Iteration)})
}

func (c *curve) all() []mlflow.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.points
}

// run sends the new points once a second, until close.
func (c *curve) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(curveInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			// The next tick sends what this one does not. The last points come after close.
			_ = c.log.send(ctx, c.all())
		case <-c.closing:
			return
		}
	}
}

// close ends the goroutine, and returns all points and the log that knows which of them MLflow has.
func (c *curve) close(cancel context.CancelFunc) ([]mlflow.Metric, *curveLog) {
	close(c.closing)
	defer time.AfterFunc(curvePatience, cancel).Stop()
	<-c.done
	return c.points, &c.log
}

// curveLog sends the points of a loss curve that MLflow does not have. MLflow would keep a second point of a step if
// only its time differs.
type curveLog struct {
	client *mlflow.Client
	runID  string
	sent   map[int64]bool // by step; nil until MLflow has said which steps it has
}

func (l *curveLog) send(ctx context.Context, points []mlflow.Metric) error {
	if l.sent == nil {
		history, err := l.client.MetricHistory(ctx, l.runID, lossMetric)
		if err != nil {
			return err
		}
		l.sent = make(map[int64]bool, len(history))
		for _, p := range history {
			l.sent[p.Step] = true
		}
	}
	var missing []mlflow.Metric
	for _, p := range points {
		if !l.sent[p.Step] {
			missing = append(missing, p)
		}
	}
	if err := l.client.LogBatch(ctx, l.runID, mlflow.Batch{Metrics: missing}); err != nil {
		return err
	}
	for _, p := range missing {
		l.sent[p.Step] = true
	}
	return nil
}

// completeCurve sends what is missing of the loss curve of a run whose fit is stored.
func (a *Activities) completeCurve(ctx context.Context, runID string) error {
	var fit stored[TrainedModel]
	err := a.o.Store.GetJSON(ctx, a.o.Bucket, objstore.TrainingKey(runID, trainedFile), &fit)
	if err == nil {
		log := curveLog{client: a.o.MLflow, runID: runID}
		err = log.send(ctx, fit.Points)
	}
	if errors.Is(err, objstore.ErrNotExist) || errors.Is(err, objstore.ErrUnreadable) { // the curve has no points
		return nil
	}
	return err
}
