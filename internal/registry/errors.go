package registry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"iris/internal/mlflow"
	"iris/internal/objstore"
)

// Errors that callers distinguish with errors.Is.
var (
	// ErrNotExist: the model, the version, the alias or the run is unknown.
	ErrNotExist = errors.New("does not exist")
	// ErrWrongModel: the reference names a version of another model.
	ErrWrongModel = errors.New("belongs to another model")
	// ErrBadReference: a model name or a reference to a version has none of the accepted forms.
	ErrBadReference = errors.New("not a reference to a version")
	// ErrChampionChanged: the champion is not the one that the promotion expects.
	ErrChampionChanged = errors.New("the champion has changed")
	// ErrNotModified: the champions are those that the caller knows.
	ErrNotModified = errors.New("not modified")
	// ErrCorrupt: the stored version differs from the registered one.
	ErrCorrupt = errors.New("corrupt version")
	// ErrTooLarge: the model is larger than a version may be.
	ErrTooLarge = errors.New("the model is too large for a version")
	// ErrUnavailable: MLflow or the object store does not answer. The same call may succeed later.
	ErrUnavailable = errors.New("registry unavailable")
)

// ErrForeign means that another program registered the version, so Iris cannot load it. It is an ErrCorrupt that stays.
var ErrForeign = fmt.Errorf("%w: not registered by iris", ErrCorrupt)

// outage adds ErrUnavailable to an error of MLflow or of the object store that does not depend on the request: no
// connection, no answer in time, a truncated answer, or a failed server. It leaves context.Canceled alone: the caller
// gave up.
func outage(err error) error {
	for _, sign := range []error{
		mlflow.ErrUnavailable, objstore.ErrUnavailable, io.ErrUnexpectedEOF, context.DeadlineExceeded,
	} {
		if errors.Is(err, sign) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return err
}
