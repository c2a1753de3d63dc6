package registry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"iris/internal/mlflow"
	"iris/internal/objstore"
)

// What a caller decides on. Every error of this package that is one of them says so by errors.Is.
var (
	// ErrNotExist: the model, the version, the alias or the run is unknown.
	ErrNotExist = errors.New("does not exist")
	// ErrWrongModel: the reference leads to a version of another model.
	ErrWrongModel = errors.New("belongs to another model")
	// ErrBadReference: a model name or a reference to a version is not of an accepted form.
	ErrBadReference = errors.New("not a reference to a version")
	// ErrChampionChanged: the champion is not the one the promotion was decided against.
	ErrChampionChanged = errors.New("the champion is another one by now")
	// ErrCorrupt: what is stored of a version is not what was registered.
	ErrCorrupt = errors.New("corrupt version")
	// ErrUnavailable: MLflow or the object store does not answer; the same call may succeed later.
	ErrUnavailable = errors.New("registry unavailable")
)

// ErrForeign: another program registered the version, so Iris cannot load it. It is an ErrCorrupt that no retry mends.
var ErrForeign = fmt.Errorf("%w: not registered by iris", ErrCorrupt)

// outage adds ErrUnavailable to an error of MLflow or of the object store that says nothing about the request itself:
// no connection, no answer in time, an answer cut short, or a server that failed. A caller that gave up is no outage.
func outage(err error) error {
	for _, sign := range []error{mlflow.ErrUnavailable, objstore.ErrUnavailable, io.ErrUnexpectedEOF, context.DeadlineExceeded} {
		if errors.Is(err, sign) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return err
}
