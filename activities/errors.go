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

// Types of errors that no retry can repair, as workflows and the Temporal UI see them.
const (
	ErrBadInput      = "BadInput"      // a field of the request
	ErrBadDataset    = "BadDataset"    // the data; the message has the line and the column
	ErrModelNotFound = "ModelNotFound" // an unknown model, version or run
	ErrCorruptModel  = "CorruptModel"  // an artifact that differs from the registered one
	ErrRefused       = "Refused"       // a request that MLflow refuses
)

// ForUsers reports whether errors of a type are about a user's input, in words meant for the user. Other errors may
// contain internal details.
func ForUsers(errorType string) bool {
	switch errorType {
	case ErrBadInput, ErrBadDataset, ErrModelNotFound, ErrCorruptModel:
		return true
	}
	return false
}

// translate decides whether Temporal retries after an error. An error that the same input would cause again is final;
// all others are retried.
func translate(err error) error {
	var row *dataset.RowError
	var spec *model.SpecError
	var answer *mlflow.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err // Temporal handles the cancellation
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
	// errMissingData marks data that does not exist, or that a request may not read.
	errMissingData = errors.New("missing data")
	// errCorrupt marks a fitted model that differs from what was written.
	errCorrupt = errors.New("not the model that was written")
)

func final(errorType string, err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), errorType, err)
}
