package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"iris/internal/objstore"
)

// Annotations are what is known of a dataset besides its bytes.
type Annotations struct {
	Names   []string          // sorted, never nil
	Tags    map[string]string // never nil
	Sources []Source          // in the order in which they were first seen, never nil
	Columns map[string]string // the kinds that people gave to columns, by name; never nil
}

// SourceKind is a kind of source.
type SourceKind string

// The kinds of sources.
const (
	SourceUpload  SourceKind = "upload"
	SourceS3      SourceKind = "s3"
	SourceBundled SourceKind = "bundled"
)

// Source is a place that the bytes of a dataset came from. The same bytes may come from many places.
type Source struct {
	Kind        SourceKind `json:"kind"`
	URI         string     `json:"uri,omitempty"`       // of an object
	FileName    string     `json:"file_name,omitempty"` // of an upload by a form
	FirstSeenAt time.Time  `json:"first_seen_at"`
}

// annotation is the content of the object of a name, a tag or a column; that of a source is a Source. The key has the
// rest.
type annotation struct {
	Name  string    `json:"name,omitempty"`  // of a column: the key may have a hash of it only
	Value string    `json:"value,omitempty"` // of a tag or a column
	At    time.Time `json:"at"`
}

// annotationKeys is a set of keys of annotations.
type annotationKeys map[string]bool

// annotationKeys lists the annotations of all datasets whose digests begin with prefix.
func (c *Catalogue) annotationKeys(ctx context.Context, prefix string) (annotationKeys, error) {
	refs, err := c.store.List(ctx, c.bucket, objstore.DatasetAnnotationsPrefix(prefix))
	if err != nil {
		return nil, fmt.Errorf("list the annotations of dataset %.12s: %w", prefix, err)
	}
	keys := make(annotationKeys, len(refs))
	for _, ref := range refs {
		if _, _, _, ok := objstore.DatasetAnnotation(ref.Key); ok {
			keys[ref.Key] = true
		}
	}
	return keys, nil
}

// countAfter returns how many annotations of a kind a dataset has after a change.
func (k annotationKeys) countAfter(digest string, kind objstore.AnnotationKind, add, remove []string) int {
	left := map[string]bool{}
	for key := range k {
		if _, of, _, _ := objstore.DatasetAnnotation(key); of == kind {
			left[key] = true
		}
	}
	for _, name := range add {
		left[objstore.DatasetAnnotationKey(digest, kind, name)] = true
	}
	for _, name := range remove {
		delete(left, objstore.DatasetAnnotationKey(digest, kind, name))
	}
	return len(left)
}

// digestsNamed lists the digests of the datasets that have a name. A dataset need not exist.
func (c *Catalogue) digestsNamed(ctx context.Context, name string) ([]string, error) {
	keys, err := c.annotationKeys(ctx, "")
	if err != nil {
		return nil, err
	}
	var digests []string
	for key := range keys {
		if digest, kind, named, _ := objstore.DatasetAnnotation(key); kind == objstore.NameAnnotation && named == name {
			digests = append(digests, digest)
		}
	}
	return digests, nil
}

// maxReaders is how many objects are read concurrently.
const maxReaders = 16

// Annotations reads the annotations of datasets, by digest. For more than one dataset it lists the annotations of all.
func (c *Catalogue) Annotations(ctx context.Context, digests ...string) (map[string]Annotations, error) {
	all := make(map[string]Annotations, len(digests))
	for _, digest := range digests {
		all[digest] = Annotations{
			Names:   []string{},
			Tags:    map[string]string{},
			Sources: []Source{},
			Columns: map[string]string{},
		}
	}
	prefix := ""
	switch len(digests) {
	case 0:
		return all, nil
	case 1:
		prefix = digests[0]
	}
	keys, err := c.annotationKeys(ctx, prefix)
	if err != nil {
		return nil, err
	}
	contents, err := c.readAnnotations(ctx, keys, all)
	if err != nil {
		return nil, err
	}
	for key := range keys {
		digest, kind, name, _ := objstore.DatasetAnnotation(key)
		a, wanted := all[digest]
		switch {
		case !wanted:
			continue
		case kind == objstore.NameAnnotation:
			a.Names = append(a.Names, name)
		case contents[key].gone:
		case kind == objstore.TagAnnotation:
			a.Tags[name] = contents[key].Value
		case kind == objstore.ColumnAnnotation:
			a.Columns[contents[key].Name] = contents[key].Value
		case kind == objstore.SourceAnnotation:
			a.Sources = append(a.Sources, contents[key].Source)
		}
		all[digest] = a
	}
	for _, a := range all {
		slices.Sort(a.Names)
		slices.SortFunc(a.Sources, func(a, b Source) int {
			return cmp.Or(a.FirstSeenAt.Compare(b.FirstSeenAt), cmp.Compare(a.URI, b.URI), cmp.Compare(a.FileName, b.FileName))
		})
	}
	return all, nil
}

// annotationContent is that of a tag, a column or a source.
type annotationContent struct {
	Source
	Name  string `json:"name"`
	Value string `json:"value"`
	gone  bool   // deleted since it was listed
}

// readAnnotations reads the tags, columns and sources of the wanted datasets, by key. A name is in its key.
func (c *Catalogue) readAnnotations(
	ctx context.Context,
	keys annotationKeys,
	wanted map[string]Annotations,
) (map[string]*annotationContent, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReaders)
	contents := make(map[string]*annotationContent)
	for key := range keys {
		digest, kind, _, _ := objstore.DatasetAnnotation(key)
		if _, ok := wanted[digest]; !ok || kind == objstore.NameAnnotation {
			continue
		}
		content := new(annotationContent)
		contents[key] = content
		group.Go(func() error {
			err := c.store.GetJSON(ctx, c.bucket, key, content)
			if errors.Is(err, objstore.ErrNotExist) {
				content.gone = true
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read the annotations of datasets: %w", err)
	}
	return contents, nil
}
