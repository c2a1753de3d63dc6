package catalogue

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"iris/internal/objstore"
)

// MaxObjects is how many objects one batch reads.
const MaxObjects = 1000

// ErrTooManyObjects says that a prefix has more than MaxObjects objects.
var ErrTooManyObjects = errors.New("too many objects")

// Objects returns the objects that are the input of a batch: ref itself, or all objects under ref, in the order of
// their keys, if its key ends in a slash. Under a prefix, Objects leaves out folders, empty objects and those whose
// names begin with a dot or an underscore: the program that wrote the data leaves such markers. If no object is left,
// the error is objstore.ErrNotExist.
func (c *Catalogue) Objects(ctx context.Context, ref objstore.Ref) ([]objstore.Ref, error) {
	if !strings.HasSuffix(ref.Key, "/") {
		found, err := c.store.Stat(ctx, ref.Bucket, ref.Key)
		return []objstore.Ref{found}, err
	}
	// Markers do not count, but a prefix that has little else is not read to its end.
	found, err := c.store.ListAtMost(ctx, ref.Bucket, ref.Key, 2*MaxObjects+1)
	if err != nil && !errors.Is(err, objstore.ErrNotExist) {
		return nil, err
	}
	found = slices.DeleteFunc(found, isMarker)
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("%w: no data under %s", objstore.ErrNotExist, ref.URI())
	case len(found) > MaxObjects:
		return nil, fmt.Errorf("%w: more than %d under %s", ErrTooManyObjects, MaxObjects, ref.URI())
	}
	return found, nil
}

func isMarker(ref objstore.Ref) bool {
	name := path.Base(ref.Key)
	return ref.Size == 0 || name[0] == '.' || name[0] == '_' || strings.HasSuffix(ref.Key, "/")
}
