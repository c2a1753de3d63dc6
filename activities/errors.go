package activities

import (
	"context"
	"errors"
	"net/http"

	"go.temporal.io/sdk/temporal"

	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// Types of errors that no retry can mend, as a workflow and the Temporal UI show them.
const (
	ErrBadInput      = "BadInput"      // a field of the request
	ErrBadDataset    = "BadDataset"    // the data, with line and column
	ErrModelNotFound = "ModelNotFound" // an unknown model, version or run
	ErrCorruptModel  = "CorruptModel"  // an artifact that is not what was registered
	ErrRefused       = "Refused"       // what MLflow does not take, whoever is to blame
)

// ForUsers reports whether errors of a type speak of what a user has given, in words meant for one. All others may
// carry
// internals.
func ForUsers(errorType string) bool {
	switch errorType {
	case ErrBadInput, ErrBadDataset, ErrModelNotFound, ErrCorruptModel:
		return true
	}
	return false
}

// translate turns an error into what Temporal should do about it: what the same input would meet again is final, all
// else is retried.
func translate(err error) error {
	var row *dataset.RowError
	var spec *model.SpecError
	var answer *mlflow.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err // Temporal's business, not ours
	case errors.As(err, &row),
		errors.Is(err, dataset.ErrTooLarge),
		errors.Is(err, errMissingData),
		errors.Is(err, objstore.ErrChanged),
		errors.Is(err, model.ErrUnlearnable):
		return final(ErrBadDataset, err)
	case errors.As(err, &spec), errors.Is(err, registry.ErrBadReference), errors.Is(err, registry.ErrWrongModel):
		return final(ErrBadInput, err)
	case errors.Is(err, registry.ErrNotExist):
		return final(ErrModelNotFound, err)
	case errors.Is(err, registry.ErrCorrupt), errors.Is(err, errCorrupt):
		return final(ErrCorruptModel, err)
	case errors.As(err, &answer) && answer.Status == http.StatusBadRequest:
		return final(ErrRefused, err)
	}
	return err
}

var (
	// errMissingData marks data that is not there, or that may not be read.
	errMissingData = errors.New("missing data")
	// errCorrupt marks a fitted model that is not what was written.
	errCorrupt = errors.New("not the model that was written")
)

func final(errorType string, err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), errorType, err)
}
