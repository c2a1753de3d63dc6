package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"iris/internal/child"
	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

// Types of errors, as workflows and the Temporal UI see them. No retry can repair an error of these types.
const (
	ErrBadInput      = "BadInput"      // a field of the request
	ErrBadDataset    = "BadDataset"    // the data; the message has the line and the column
	ErrModelNotFound = "ModelNotFound" // an unknown model, version or run
	ErrCorruptModel  = "CorruptModel"  // an artifact that differs from the registered one
	ErrObjectLost    = "ObjectLost"    // an object that the task needs is gone or damaged
	ErrRefused       = "Refused"       // a request that MLflow or the object store refuses
	ErrInternal      = "Internal"      // a defect of this program
	ErrNoMemory      = "NoMemory"      // a fit that needs more memory than a worker may use
	ErrWorkerDied    = "WorkerDied"    // work during which the worker died several times
)

// Types of errors that are retried.
const (
	ErrMLflowDown = "MLflowDown"
	ErrStoreDown  = "StoreDown"
	ErrKilled     = "Killed"  // a fit whose process was killed
	ErrTooSlow    = "TooSlow" // an attempt reached its time limit
	ErrUnknown    = "Unknown" // an error that no rule explains; the last try makes it ErrInternal
)

// maxUnknown is how often an activity is tried if its error has no explanation, or the process of its fit is killed.
// The cause may be a moment's bad luck, but a defect or a wrong setting is more likely, and each try may cost a fit.
const maxUnknown = 5

// kind says what a type of errors means for the task.
type kind struct {
	forUsers bool   // the message is about a user's input, in words meant for the user
	waitsFor string // what a retry waits for; "" if the error is final
	words    string // for users, instead of the message of an error that is retried
}

var kinds = map[string]kind{
	ErrBadInput:      {forUsers: true},
	ErrBadDataset:    {forUsers: true},
	ErrModelNotFound: {forUsers: true},
	ErrCorruptModel:  {forUsers: true},
	ErrObjectLost:    {forUsers: true},
	ErrNoMemory:      {forUsers: true},
	ErrWorkerDied:    {forUsers: true},
	ErrRefused:       {},
	ErrInternal:      {},

	ErrMLflowDown: {waitsFor: "mlflow", words: "MLflow does not answer"},
	ErrStoreDown:  {waitsFor: "minio", words: "the object store does not answer"},
	ErrKilled:     {waitsFor: "worker", words: "the process of the fit was killed"},
	ErrTooSlow:    {waitsFor: "worker", words: "the attempt took too long"},
	ErrUnknown:    {waitsFor: "retry", words: "internal error; the log of the worker has it"},
}

// ForUsers reports whether errors of a type are about a user's input, in words meant for the user. Other errors may
// contain internal details.
func ForUsers(errorType string) bool { return kinds[errorType].forUsers }

// Retried returns what an activity waits for after an error of a type, and the error in words without internal details.
// ok is false for an error that is final, or that is not from this package.
func Retried(errorType string) (waitsFor, words string, ok bool) {
	k := kinds[errorType]
	return k.waitsFor, k.words, k.waitsFor != ""
}

// rule gives a type to the errors that it matches.
type rule struct {
	matches   func(error) bool
	errorType string
}

// rules sort every error that an activity can return; the first rule that matches decides. A rule is final if the same
// input causes the error again. Damage and bad input come first, because the clean-up after them may meet an outage.
var rules = []rule{
	{as[*dataset.RowError], ErrBadDataset},
	{is(dataset.ErrTooLarge), ErrBadDataset},
	{is(errMissingData), ErrBadDataset},
	{is(objstore.ErrChanged), ErrBadDataset},
	{is(model.ErrUnlearnable), ErrBadDataset},
	{as[*model.SpecError], ErrBadInput},
	{is(registry.ErrBadReference), ErrBadInput},
	{is(registry.ErrWrongModel), ErrBadInput},
	{is(registry.ErrTooLarge), ErrBadInput},
	{is(registry.ErrNotExist), ErrModelNotFound},
	{is(registry.ErrCorrupt), ErrCorruptModel},
	{is(errCorrupt), ErrCorruptModel},
	{is(model.ErrDefect), ErrInternal},
	{is(errMemory), ErrNoMemory},
	{is(errWorkerDied), ErrWorkerDied},
	{is(child.ErrKilled), ErrKilled},

	{is(mlflow.ErrNotExist), ErrModelNotFound},
	{isRefusal, ErrRefused},
	{is(objstore.ErrNoBucket), ErrStoreDown},
	{is(objstore.ErrNotExist), ErrObjectLost},
	{is(objstore.ErrUnreadable), ErrObjectLost},
	{is(objstore.ErrRefused), ErrRefused},

	{is(objstore.ErrUnavailable), ErrStoreDown},
	{is(objstore.ErrDenied), ErrStoreDown},
	{is(mlflow.ErrUnavailable), ErrMLflowDown},
	{isOtherAnswer, ErrMLflowDown},
	{is(mlflow.ErrNotMLflow), ErrMLflowDown},
	{is(registry.ErrUnavailable), ErrMLflowDown},
	{is(context.DeadlineExceeded), ErrTooSlow},
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// isRefusal matches an answer of MLflow that the same request would get again.
func isRefusal(err error) bool {
	var answer *mlflow.Error
	return errors.As(err, &answer) && answer.Refused()
}

// isOtherAnswer matches the answers that an operator can change, such as those to wrong credentials or a wrong URL.
func isOtherAnswer(err error) bool {
	var answer *mlflow.Error
	return errors.As(err, &answer) && answer.Code != mlflow.CodeDatabase && !errors.Is(err, mlflow.ErrExists)
}

// typeOf returns the type of an error. A child process has typed its error already.
func typeOf(err error) string {
	if failed, ok := errors.AsType[*child.Failure](err); ok {
		return failed.Type
	}
	for _, rule := range rules {
		if rule.matches(err) {
			return rule.errorType
		}
	}
	return ErrUnknown
}

// translate decides whether Temporal retries an activity after an error.
func translate(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, context.Canceled) { // Temporal handles a cancellation
		return err
	}
	return asApplicationError(err, activity.GetInfo(ctx).Attempt)
}

// asApplicationError gives an error its type. An error that is retried has its brief as details.
func asApplicationError(err error, attempt int32) error {
	errorType := typeOf(err)
	switch {
	case attempt < maxUnknown:
	case errorType == ErrUnknown:
		errorType = ErrInternal
	case errorType == ErrKilled:
		errorType = ErrWorkerDied
	}
	options := temporal.ApplicationErrorOptions{NonRetryable: true, Cause: err}
	if _, _, retried := Retried(errorType); retried {
		options.NonRetryable, options.Details = false, []any{brief(errorType, err)}
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), errorType, options)
}

// brief describes an error that is retried to users. It contains no host and no internal detail.
func brief(errorType string, err error) string {
	var answer *mlflow.Error
	if errorType == ErrMLflowDown && errors.As(err, &answer) {
		return fmt.Sprintf("MLflow answers %d", answer.Status)
	}
	return kinds[errorType].words
}

var (
	// errMissingData marks data that does not exist, or that a request may not read.
	errMissingData = errors.New("missing data")
	// errCorrupt marks a fitted model that differs from what was written.
	errCorrupt = errors.New("not the model that was written")
)
