package registry

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

// DatasetNotes is what is known of a dataset beside its bytes, which are the dataset whatever it is called.
type DatasetNotes struct {
	Names   []string          // sorted
	Tags    map[string]string // never nil
	Sources []DatasetSource   // the one that was seen first comes first
}

// SourceKind is a way for a dataset to come in.
type SourceKind string

// The ways for a dataset to come in.
const (
	SourceUpload  SourceKind = "upload"
	SourceS3      SourceKind = "s3"
	SourceBundled SourceKind = "bundled"
)

// DatasetSource says where the bytes of a dataset came from. The same bytes may come from many places.
type DatasetSource struct {
	Kind        SourceKind `json:"kind" enum:"upload,s3,bundled"`
	URI         string     `json:"uri,omitempty" doc:"of the object it was read from"`
	FileName    string     `json:"file_name,omitempty" doc:"as the form of the upload named it"`
	FirstSeenAt time.Time  `json:"first_seen_at"`
}

// note is the content of an object about a dataset; a source has DatasetSource instead.
type note struct {
	Value string    `json:"value,omitempty"` // of a tag
	At    time.Time `json:"at"`
}

// noteKeys are the keys of notes.
type noteKeys map[string]bool

// noteKeys lists the notes about the datasets whose digests begin so.
func (r *Registry) noteKeys(ctx context.Context, digest string) (noteKeys, error) {
	refs, err := r.store.List(ctx, r.bucket, objstore.DatasetNotesPrefix(digest))
	if err != nil {
		return nil, fmt.Errorf("list the notes about dataset %.12s: %w", digest, outage(err))
	}
	keys := make(noteKeys, len(refs))
	for _, ref := range refs {
		if _, _, _, ok := objstore.DatasetNote(ref.Key); ok {
			keys[ref.Key] = true
		}
	}
	return keys, nil
}

// after is how many notes of a kind there will be.
func (k noteKeys) after(digest string, kind objstore.NoteKind, add, remove []string) int {
	there := map[string]bool{}
	for key := range k {
		if _, of, _, _ := objstore.DatasetNote(key); of == kind {
			there[key] = true
		}
	}
	for _, name := range add {
		there[objstore.DatasetNoteKey(digest, kind, name)] = true
	}
	for _, name := range remove {
		delete(there, objstore.DatasetNoteKey(digest, kind, name))
	}
	return len(there)
}

// DatasetsNamed lists the digests of the datasets that have a name; none is no error.
func (r *Registry) DatasetsNamed(ctx context.Context, name string) ([]string, error) {
	keys, err := r.noteKeys(ctx, "")
	if err != nil {
		return nil, err
	}
	var digests []string
	for key := range keys {
		if digest, kind, named, _ := objstore.DatasetNote(key); kind == objstore.NameNote && named == name {
			digests = append(digests, digest)
		}
	}
	slices.Sort(digests)
	return digests, nil
}

// noteReaders is how many notes are read at once.
const noteReaders = 16

// DatasetNotes reads the notes about datasets, by digest. It lists the notes of all datasets when it is asked for more
// than one.
func (r *Registry) DatasetNotes(ctx context.Context, digests ...string) (map[string]DatasetNotes, error) {
	notes := make(map[string]DatasetNotes, len(digests))
	prefix := ""
	for _, digest := range digests {
		notes[digest] = DatasetNotes{Names: []string{}, Tags: map[string]string{}, Sources: []DatasetSource{}}
		prefix = digest
	}
	switch len(digests) {
	case 0:
		return notes, nil
	case 1:
	default:
		prefix = ""
	}
	keys, err := r.noteKeys(ctx, prefix)
	if err != nil {
		return nil, err
	}
	group, readCtx := errgroup.WithContext(ctx)
	group.SetLimit(noteReaders)
	contents := make(map[string]*noteContent)
	for key := range keys {
		digest, kind, _, _ := objstore.DatasetNote(key)
		if _, wanted := notes[digest]; !wanted || kind == objstore.NameNote { // a name is in its key
			continue
		}
		content := new(noteContent)
		contents[key] = content
		group.Go(func() error { return r.readNote(readCtx, key, content) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read the notes about datasets: %w", outage(err))
	}
	for key := range keys {
		digest, kind, name, _ := objstore.DatasetNote(key)
		n, wanted := notes[digest]
		switch {
		case !wanted:
			continue
		case kind == objstore.NameNote:
			n.Names = append(n.Names, name)
		case contents[key].gone:
		case kind == objstore.TagNote:
			n.Tags[name] = contents[key].Value
		case kind == objstore.SourceNote:
			n.Sources = append(n.Sources, contents[key].DatasetSource)
		}
		notes[digest] = n
	}
	for _, n := range notes {
		slices.Sort(n.Names)
		slices.SortFunc(n.Sources, func(a, b DatasetSource) int {
			return cmp.Or(a.FirstSeenAt.Compare(b.FirstSeenAt), cmp.Compare(a.URI, b.URI), cmp.Compare(a.FileName, b.FileName))
		})
	}
	return notes, nil
}

// noteContent is that of a tag or of a source.
type noteContent struct {
	DatasetSource
	Value string `json:"value"`
	gone  bool   // since it was listed
}

func (r *Registry) readNote(ctx context.Context, key string, into *noteContent) error {
	err := r.store.GetJSON(ctx, r.bucket, key, into)
	if errors.Is(err, objstore.ErrNotExist) {
		into.gone = true
		return nil
	}
	return err
}
