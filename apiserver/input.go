package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/objstore"
)

// findInput finds the object, or the objects under a prefix, that a request names as its data. The size of the result
// is that of all objects together. findInput refuses what the workflow cannot or may not read; at is where the request
// names it.
func findInput(
	ctx context.Context, c *catalogue.Catalogue, ref objstore.Ref, maxBytes int64, at problem.Fault,
) (objstore.Ref, error) {
	if err := c.CheckReadable(ref); err != nil {
		return ref, refuseAt(at, err.Error())
	}
	objects, err := c.Objects(ctx, ref)
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		return ref, refuseAt(at, "there is no object "+ref.URI())
	case errors.Is(err, catalogue.ErrTooManyObjects):
		return ref, refuseAt(at, fmt.Sprintf("there are more than %d objects under %s", catalogue.MaxObjects, ref.URI()))
	case err != nil:
		return ref, fmt.Errorf("look for %s: %w", ref.URI(), err)
	}
	for _, object := range objects {
		ref.Size += object.Size
	}
	if ref.Size > maxBytes {
		at.Detail = fmt.Sprintf("%s has %d bytes, the limit is %d", ref.URI(), ref.Size, maxBytes)
		return ref, problem.New(http.StatusRequestEntityTooLarge, at.Detail, at)
	}
	return ref, nil
}

func refuseAt(at problem.Fault, detail string) error {
	at.Detail = detail
	return problem.Invalid(at)
}
