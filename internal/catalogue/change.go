package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"iris/internal/objstore"
)

// Limits of the annotations of a dataset.
const (
	MaxNames    = 20
	MaxTags     = 20
	maxSources  = 20  // later sources are dropped
	maxTagValue = 500 // bytes
	MaxKinds    = 100 // columns to which people gave a kind
)

// ErrTooMany says that a change would give a dataset more names, tags or kinds of columns than it may have.
var ErrTooMany = errors.New("too many")

var wordPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)

// CheckName refuses what cannot be the name of a dataset. A name that reads like the beginning of a digest could name
// another dataset later.
func CheckName(name string) error {
	switch {
	case !wordPattern.MatchString(name):
		return errors.New("want 1 to 100 letters, digits and _ . -, the first a letter or digit")
	case digestPrefix.MatchString(name):
		return errors.New("reads like a digest: want a name that is not 12 to 64 hexadecimal digits")
	}
	return nil
}

// CheckTag refuses what cannot be a tag of a dataset.
func CheckTag(key, value string) error {
	switch {
	case !wordPattern.MatchString(key):
		return errors.New("want a key of 1 to 100 letters, digits and _ . -, the first a letter or digit")
	case value == "" || len(value) > maxTagValue || !utf8.ValidString(value) || strings.Contains(value, "\x00"):
		return fmt.Errorf("want a value of 1 to %d bytes of UTF-8 without NUL", maxTagValue)
	}
	return nil
}

// Change is a change of the names, the tags and the kinds of columns of a dataset. The caller checks columns and kinds.
type Change struct {
	AddNames, RemoveNames []string
	SetTags               map[string]string
	RemoveTags            []string
	SetColumns            map[string]string // kind by column
	RemoveColumns         []string
}

func (c Change) isEmpty() bool {
	return len(c.AddNames)+len(c.RemoveNames)+len(c.SetTags)+len(c.RemoveTags)+len(c.SetColumns)+
		len(c.RemoveColumns) == 0
}

func (c Change) check() error {
	for _, name := range c.AddNames {
		if err := CheckName(name); err != nil {
			return fmt.Errorf("name %.100q: %w", name, err)
		}
	}
	for key, value := range c.SetTags {
		if err := CheckTag(key, value); err != nil {
			return fmt.Errorf("tag %.100q: %w", key, err)
		}
	}
	return nil
}

// Annotate changes names, tags and kinds of columns. Each is an object of its own, so two writers of different names
// and tags lose nothing, and of two writers of one tag the later one wins. It returns ErrTooMany and changes nothing if
// the dataset would have too many. It does not check that the dataset exists.
func (c *Catalogue) Annotate(ctx context.Context, digest string, change Change) error {
	if change.isEmpty() {
		return nil
	}
	if err := change.check(); err != nil {
		return err
	}
	keys, err := c.annotationKeys(ctx, digest)
	if err != nil {
		return err
	}
	names := keys.countAfter(digest, objstore.NameAnnotation, change.AddNames, change.RemoveNames)
	tags := keys.countAfter(
		digest, objstore.TagAnnotation, slices.Collect(maps.Keys(change.SetTags)), change.RemoveTags,
	)
	columns := keys.countAfter(
		digest, objstore.ColumnAnnotation, slices.Collect(maps.Keys(change.SetColumns)), change.RemoveColumns,
	)
	if names > MaxNames || tags > MaxTags || columns > MaxKinds {
		return fmt.Errorf("%w: %d names, %d tags and %d kinds of columns of dataset %.12s, want at most %d, %d and %d",
			ErrTooMany, names, tags, columns, digest, MaxNames, MaxTags, MaxKinds)
	}
	return c.write(ctx, digest, change, keys)
}

// write makes a change. A name that exists keeps its time.
func (c *Catalogue) write(ctx context.Context, digest string, change Change, existing annotationKeys) error {
	now := time.Now().UTC()
	for _, name := range change.AddNames {
		key := objstore.DatasetAnnotationKey(digest, objstore.NameAnnotation, name)
		if existing[key] {
			continue
		}
		if _, err := c.store.PutJSON(ctx, c.bucket, key, annotation{At: now}); err != nil {
			return fmt.Errorf("name dataset %.12s: %w", digest, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(change.SetTags)) {
		key := objstore.DatasetAnnotationKey(digest, objstore.TagAnnotation, name)
		if _, err := c.store.PutJSON(ctx, c.bucket, key, annotation{Value: change.SetTags[name], At: now}); err != nil {
			return fmt.Errorf("tag dataset %.12s: %w", digest, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(change.SetColumns)) {
		key := objstore.DatasetAnnotationKey(digest, objstore.ColumnAnnotation, name)
		content := annotation{Name: name, Value: change.SetColumns[name], At: now}
		if _, err := c.store.PutJSON(ctx, c.bucket, key, content); err != nil {
			return fmt.Errorf("give a column of dataset %.12s a kind: %w", digest, err)
		}
	}
	for kind, names := range map[objstore.AnnotationKind][]string{
		objstore.NameAnnotation: change.RemoveNames, objstore.TagAnnotation: change.RemoveTags,
		objstore.ColumnAnnotation: change.RemoveColumns,
	} {
		for _, name := range names {
			if err := c.store.Delete(ctx, c.bucket, objstore.DatasetAnnotationKey(digest, kind, name)); err != nil {
				return fmt.Errorf("remove an annotation of dataset %.12s: %w", digest, err)
			}
		}
	}
	return nil
}

// AddSource records where a dataset came from, unless the source is known or the dataset has too many.
func (c *Catalogue) AddSource(ctx context.Context, digest string, s Source) error {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(s.Kind), s.URI, s.FileName}, "\x00")))
	key := objstore.DatasetAnnotationKey(digest, objstore.SourceAnnotation, hex.EncodeToString(sum[:8]))
	keys, err := c.annotationKeys(ctx, digest)
	if err != nil || keys[key] || keys.countAfter(digest, objstore.SourceAnnotation, nil, nil) >= maxSources {
		return err
	}
	s.FirstSeenAt = time.Now().UTC()
	if _, err := c.store.PutJSON(ctx, c.bucket, key, s); err != nil {
		return fmt.Errorf("record the source of dataset %.12s: %w", digest, err)
	}
	return nil
}

// Columns returns the kinds that people gave to columns of a dataset, by name.
func (c *Catalogue) Columns(ctx context.Context, digest string) (map[string]string, error) {
	annotations, err := c.Annotations(ctx, digest)
	return annotations[digest].Columns, err
}
