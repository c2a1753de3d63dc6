package objstore

import (
	"net/url"
	"regexp"
)

const datasetNotesPrefix = "dataset-notes/"

// NoteKind is what a note about a dataset is.
type NoteKind string

// The kinds of notes, as they stand in keys.
const (
	NameNote   NoteKind = "names"
	TagNote    NoteKind = "tags"
	SourceNote NoteKind = "sources"
)

// DatasetNotesPrefix begins the keys of the notes about the datasets whose digests begin so.
func DatasetNotesPrefix(digest string) string { return datasetNotesPrefix + digest }

// DatasetNoteKey is where one note about a dataset lies: an object for each name, tag and source, so that two who write
// at
// once do not lose what the other wrote.
func DatasetNoteKey(digest string, kind NoteKind, name string) string {
	return datasetNotesPrefix + digest + "/" + string(kind) + "/" + segment(name) + ".json"
}

var datasetNoteKey = regexp.MustCompile(`^` + datasetNotesPrefix + `([0-9a-f]{64})/(names|tags|sources)/([^/]+)\.json$`)

// DatasetNote undoes DatasetNoteKey, for names that are not too long for it; ok is false for any other object.
func DatasetNote(key string) (digest string, kind NoteKind, name string, ok bool) {
	found := datasetNoteKey.FindStringSubmatch(key)
	if found == nil {
		return "", "", "", false
	}
	name, err := url.PathUnescape(found[3])
	return found[1], NoteKind(found[2]), name, err == nil
}
