package activities

import (
	"bytes"
	"context"
	"fmt"

	"iris/internal/objstore"
	"iris/internal/search"
	"iris/model"
)

// CombineTrialsInput is the trials of a training, with what they predicted for rows that they did not train on.
type CombineTrialsInput struct {
	Trials []HeldTrial   `json:"trials"`
	Metric search.Metric `json:"metric"`
	Base   model.Spec    `json:"base"` // the seed and the class weight of all trials
}

// HeldTrial is a trial and its predictions.
type HeldTrial struct {
	Trial   search.Trial `json:"trial"`
	HeldOut objstore.Ref `json:"held_out"` // a model.HeldOut
}

// CombineTrials chooses between the best of the trials and an ensemble of them. It writes nothing, so running it twice
// is safe.
func (a *Activities) CombineTrials(ctx context.Context, in CombineTrialsInput) (search.Combined, error) {
	_, stop := beat(ctx)
	defer stop()
	combined, err := a.combineTrials(ctx, in)
	return combined, translate(ctx, err)
}

func (a *Activities) combineTrials(ctx context.Context, in CombineTrialsInput) (search.Combined, error) {
	var labels []int
	var trials []search.Predicted
	classes := 0
	for _, t := range in.Trials {
		held, err := a.readHeldOut(ctx, t.HeldOut)
		if err != nil {
			return search.Combined{}, fmt.Errorf("read the predictions of %s: %w", t.Trial.Name, err)
		}
		labels, classes = held.Y, held.Classes
		trials = append(trials, search.Predicted{Trial: t.Trial, P: held.P, Fold: held.Fold})
	}
	return search.Combine(trials, labels, classes, in.Metric, in.Base)
}

// keepHeldOut stores the predictions of a trial beside its result. They are the same in every attempt.
func (a *Activities) keepHeldOut(ctx context.Context, in RunTrialInput, held []byte) (*objstore.Ref, error) {
	var ref objstore.Ref
	err := patiently(ctx, func() (err error) {
		ref, err = a.o.Store.Put(ctx, a.o.Bucket, objstore.HeldOutKey(in.Parent.ID, in.Name),
			bytes.NewReader(held), int64(len(held)), "application/octet-stream")
		return err
	})
	return &ref, err
}

// readHeldOut reads the predictions of a trial.
func (a *Activities) readHeldOut(ctx context.Context, ref objstore.Ref) (*model.HeldOut, error) {
	data, err := a.bytes(ctx, ref)
	if err != nil {
		return nil, err
	}
	held := new(model.HeldOut)
	if err := held.UnmarshalBinary(data); err != nil {
		return nil, fmt.Errorf("%w: %w", objstore.ErrUnreadable, err)
	}
	return held, nil
}
