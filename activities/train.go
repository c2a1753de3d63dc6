package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/partition"
	"iris/internal/registry"
	"iris/model"
)

// TrainModelInput is the spec to fit, and the rows to fit it on.
type TrainModelInput struct {
	Dataset  Dataset    `json:"dataset"`
	Spec     model.Spec `json:"spec"`
	TestSize float64    `json:"test_size"`
	Run      Run        `json:"run"`
	Decision *Decide    `json:"decision,omitempty"` // nil calls the most probable class
}

// Decide is how to find the decision of a model between two classes.
type Decide struct {
	Request model.DecisionRequest `json:"request"`
	CV      model.CrossValidation `json:"cv"` // whose held-out rows choose the threshold
}

// TrainedModel is a fitted model before it becomes a version.
type TrainedModel struct {
	Artifact  objstore.Ref    `json:"artifact"` // model.Encode
	Split     partition.Split `json:"split"`    // decides which rows the fit does not see
	TrainRows int             `json:"train_rows"`
	TestRows  int             `json:"test_rows"`
	Seconds   float64         `json:"seconds"` // of the fit
	Decision  *model.Decision `json:"decision,omitempty"`

	Shift []dataset.Warning `json:"shift,omitempty"` // how the held-out rows differ from those for training; few
}

// The files of a training in the object store.
const (
	modelFile      = "model.json"      // model.Encode
	trainedFile    = "trained.json"    // stored[TrainedModel]
	reportFile     = "report.json"     // report.Files
	evaluationFile = "evaluation.json" // stored[Evaluation]
)

// TrainModel fits a model on the rows that are not held out, and logs the loss of every iteration meanwhile, as far as
// MLflow answers. Running it twice is safe: the second attempt finds the model that the first one stored, and the same
// input gives the same bytes under the same key.
func (a *Activities) TrainModel(ctx context.Context, in TrainModelInput) (TrainedModel, error) {
	if err := checkDeaths(ctx, "fit"); err != nil {
		return TrainedModel{}, translate(ctx, err)
	}
	report, stop := beat(ctx)
	defer stop()
	m, err := a.trainModel(ctx, in, report)
	return m, translate(ctx, err)
}

func (a *Activities) trainModel(ctx context.Context, in TrainModelInput, report func(Progress)) (TrainedModel, error) {
	live, cancel := context.WithCancel(ctx)
	defer cancel()
	curve := newCurve(live, a.o.MLflow, in.Run.ID)
	trained, found, err := a.recallFit(ctx, in)
	if err == nil && !found {
		trained.Result, err = a.fitModel(ctx, in, report, func(s fitStep) {
			report(Progress{Done: int64(s.Iteration), Total: int64(s.Total), Unit: "iterations", Loss: s.Loss})
			curve.add(s.Progress)
		})
	}
	points, log := curve.close(cancel)
	if err == nil && !found {
		trained.Points = points
		trained, err = remember(ctx, a, objstore.TrainingKey(in.Run.ID, trainedFile), in, trained)
	}
	if err != nil {
		return TrainedModel{}, err
	}
	last, cancel := context.WithTimeout(ctx, curvePatience)
	defer cancel()
	if err := log.send(last, trained.Points); err != nil {
		activity.GetLogger(ctx).Warn("the loss curve is incomplete until the run ends", "run_id", in.Run.ID, "error", err)
	}
	return trained.Result, nil
}

// fitModel fits a model and stores it.
func (a *Activities) fitModel(
	ctx context.Context, in TrainModelInput, report func(Progress), step func(fitStep),
) (TrainedModel, error) {
	fitted, err := a.fit(ctx, fitJob{
		Dataset: in.Dataset, Spec: in.Spec, TestSize: in.TestSize, Decide: in.Decision,
	}, report, step)
	if err == nil {
		err = registry.CheckSize(len(fitted.encoded))
	}
	if err != nil {
		return TrainedModel{}, err
	}
	m := TrainedModel{
		Split: fitted.Split, TrainRows: fitted.TrainRows, TestRows: fitted.TestRows, Seconds: fitted.Seconds,
		Decision: fitted.Decision,
		Shift:    fitted.Shift,
	}
	key, size := objstore.TrainingKey(in.Run.ID, modelFile), int64(len(fitted.encoded))
	err = patiently(ctx, func() (err error) {
		m.Artifact, err = a.o.Store.Put(ctx, a.o.Bucket, key, bytes.NewReader(fitted.encoded), size, "application/json")
		return err
	})
	return m, err
}

// recallFit returns the model that an earlier attempt has stored, unless it is gone.
func (a *Activities) recallFit(ctx context.Context, in TrainModelInput) (stored[TrainedModel], bool, error) {
	fit, found, err := recall[TrainedModel](ctx, a, objstore.TrainingKey(in.Run.ID, trainedFile), in)
	if err != nil || !found {
		return fit, false, err
	}
	artifact := fit.Result.Artifact
	there, err := a.o.Store.Stat(ctx, artifact.Bucket, artifact.Key)
	if errors.Is(err, objstore.ErrNotExist) {
		return fit, false, nil
	}
	return fit, there.Size == artifact.Size, err
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
