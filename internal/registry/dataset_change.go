package registry

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

// Limits of the notes about a dataset.
const (
	MaxDatasetNames = 20
	MaxDatasetTags  = 20
	maxTagValue     = 500 // bytes
	// maxSources is how many ways a dataset came are kept, the first ones.
	maxSources = 20
)

// ErrTooMany says that a dataset has all the names or tags that it may have.
var ErrTooMany = errors.New("too many")

var (
	noteName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$`)
	likeDigest = regexp.MustCompile(`^[0-9a-f]{12,64}$`)
)

// CheckDatasetName refuses what cannot be the name of a dataset. What reads like the beginning of a digest would name
// another one some day.
func CheckDatasetName(name string) error {
	switch {
	case !noteName.MatchString(name):
		return errors.New("want 1 to 100 letters, digits and _ . -, the first a letter or digit")
	case likeDigest.MatchString(name):
		return errors.New("reads like a digest: want a name that is not 12 to 64 hexadecimal digits")
	}
	return nil
}

// CheckDatasetTag refuses what cannot be a tag of a dataset.
func CheckDatasetTag(key, value string) error {
	switch {
	case !noteName.MatchString(key):
		return errors.New("want a key of 1 to 100 letters, digits and _ . -, the first a letter or digit")
	case value == "" || len(value) > maxTagValue || !utf8.ValidString(value):
		return fmt.Errorf("want a value of 1 to %d bytes of UTF-8", maxTagValue)
	}
	return nil
}

// DatasetChange is what is to be noted about a dataset.
type DatasetChange struct {
	AddNames, RemoveNames []string
	SetTags               map[string]string
	RemoveTags            []string
}

func (c DatasetChange) check() error {
	for _, name := range c.AddNames {
		if err := CheckDatasetName(name); err != nil {
			return fmt.Errorf("name %s: %w", quote(name), err)
		}
	}
	for key, value := range c.SetTags {
		if err := CheckDatasetTag(key, value); err != nil {
			return fmt.Errorf("tag %s: %w", quote(key), err)
		}
	}
	return nil
}

// ChangeDataset notes names and tags. Everything is an object of its own: of two who change different names and tags at
// once none loses anything, and of two who set one tag the later wins. More than a dataset may have is ErrTooMany, and
// then nothing is changed. Whether there is such a dataset is for the caller to know.
func (r *Registry) ChangeDataset(ctx context.Context, digest string, c DatasetChange) error {
	if err := c.check(); err != nil {
		return err
	}
	keys, err := r.noteKeys(ctx, digest)
	if err != nil {
		return err
	}
	names, tags := keys.after(
		digest,
		objstore.NameNote,
		c.AddNames,
		c.RemoveNames,
	), keys.after(
		digest,
		objstore.TagNote,
		slices.Collect(maps.Keys(c.SetTags)),
		c.RemoveTags,
	)
	if names > MaxDatasetNames || tags > MaxDatasetTags {
		return fmt.Errorf(
			"%w: %d names and %d tags of dataset %.12s, want at most %d and %d",
			ErrTooMany,
			names,
			tags,
			digest,
			MaxDatasetNames,
			MaxDatasetTags,
		)
	}
	return outage(r.writeNotes(ctx, digest, c, keys))
}

func (r *Registry) writeNotes(ctx context.Context, digest string, c DatasetChange, there noteKeys) error {
	now := time.Now().UTC()
	for _, name := range c.AddNames {
		if key := objstore.DatasetNoteKey(digest, objstore.NameNote, name); !there[key] { // it keeps the time it was given
			if _, err := r.store.PutJSON(ctx, r.bucket, key, note{At: now}); err != nil {
				return fmt.Errorf("name dataset %.12s: %w", digest, err)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.SetTags)) {
		if _, err := r.store.PutJSON(
			ctx,
			r.bucket,
			objstore.DatasetNoteKey(digest, objstore.TagNote, key),
			note{Value: c.SetTags[key], At: now},
		); err != nil {
			return fmt.Errorf("tag dataset %.12s: %w", digest, err)
		}
	}
	for kind, names := range map[objstore.NoteKind][]string{objstore.NameNote: c.RemoveNames, objstore.TagNote: c.RemoveTags} {
		for _, name := range names {
			if err := r.store.Delete(ctx, r.bucket, objstore.DatasetNoteKey(digest, kind, name)); err != nil {
				return fmt.Errorf("take a note off dataset %.12s: %w", digest, err)
			}
		}
	}
	return nil
}

// NoteSource notes where a dataset came from, unless that is known.
func (r *Registry) NoteSource(ctx context.Context, digest string, s DatasetSource) error {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(s.Kind), s.URI, s.FileName}, "\x00")))
	key := objstore.DatasetNoteKey(digest, objstore.SourceNote, hex.EncodeToString(sum[:8]))
	keys, err := r.noteKeys(ctx, digest)
	if err != nil || keys[key] || keys.after(digest, objstore.SourceNote, nil, nil) >= maxSources {
		return err
	}
	s.FirstSeenAt = time.Now().UTC()
	if _, err := r.store.PutJSON(ctx, r.bucket, key, s); err != nil {
		return fmt.Errorf("note the source of dataset %.12s: %w", digest, outage(err))
	}
	return nil
}
