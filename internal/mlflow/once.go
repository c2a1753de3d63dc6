package mlflow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// DuplicateTag marks a duplicate that was not deleted. Its value identifies the one that was kept.
const DuplicateTag = "iris.duplicate_of"

// Once makes a thing that must exist once, such as the run of a training. MLflow creates another one for each request,
// and it may act on a request long after the client gave up on it. So Ensure looks before the request and after it, and
// Reconcile looks once more, at the end of the task.
type Once[T any] struct {
	// Find returns all that exist, the one to keep first. Its order must not depend on who calls it.
	Find   func(ctx context.Context) ([]T, error)
	Create func(ctx context.Context) (T, error)
	// Discard deletes or marks a duplicate. It may be called again for the same one.
	Discard func(ctx context.Context, duplicate, kept T) error
}

// tidyTimeout bounds what Ensure does after a create although its context has ended.
const tidyTimeout = 30 * time.Second

// Ensure returns the one to keep. It creates it if none exists, and discards the others. An error may leave one behind;
// the next call finds it.
//
// After a create, Ensure goes on for a while if ctx has ended: the process may have been frozen before the create, and
// another attempt may have ended the task meanwhile. Nobody would discard the second one then.
func (o Once[T]) Ensure(ctx context.Context) (T, error) {
	var none T
	found, err := o.Find(ctx)
	if err != nil {
		return none, err
	}
	if len(found) == 0 {
		created, err := o.Create(ctx)
		if err != nil && ctx.Err() == nil {
			return none, err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
		defer cancel()
		found, findErr := o.Find(ctx)
		switch {
		case err != nil && len(found) > 1: // MLflow has acted on the create, or the next attempt has found another one
			return none, errors.Join(err, o.discard(ctx, found, 0))
		case err != nil || findErr != nil:
			return none, cmp.Or(err, findErr)
		case len(found) == 0: // somebody has deleted it
			return created, nil
		}
		return found[0], o.discard(ctx, found, 0)
	}
	return found[0], o.discard(ctx, found, 0)
}

// Reconcile discards all but the one that keep selects, or all but the first if keep selects none. It creates nothing.
func (o Once[T]) Reconcile(ctx context.Context, keep func(T) bool) error {
	found, err := o.Find(ctx)
	if err != nil || len(found) < 2 {
		return err
	}
	kept := max(slices.IndexFunc(found, keep), 0)
	return o.discard(ctx, found, kept)
}

func (o Once[T]) discard(ctx context.Context, found []T, kept int) error {
	for i, duplicate := range found {
		if i == kept {
			continue
		}
		if err := o.Discard(ctx, duplicate, found[kept]); err != nil {
			return err
		}
	}
	return nil
}
