package objstore

import (
	"net/url"
	"regexp"
)

// datasetAnnotationsPrefix keeps an older word for annotations, because buckets hold objects under it.
const datasetAnnotationsPrefix = "dataset-notes/"

// AnnotationKind is the kind of an annotation of a dataset.
type AnnotationKind string

// The kinds of annotations, as keys contain them.
const (
	NameAnnotation   AnnotationKind = "names"
	TagAnnotation    AnnotationKind = "tags"
	SourceAnnotation AnnotationKind = "sources"
	ColumnAnnotation AnnotationKind = "columns"
)

// DatasetAnnotationsPrefix starts the keys of the annotations of all datasets whose digests start with digest.
func DatasetAnnotationsPrefix(digest string) string { return datasetAnnotationsPrefix + digest }

// DatasetAnnotationKey is the key of one annotation of a dataset. Each name, tag, source and column is its own object,
// so that concurrent writers do not overwrite each other's.
func DatasetAnnotationKey(digest string, kind AnnotationKind, name string) string {
	return datasetAnnotationsPrefix + digest + "/" + string(kind) + "/" + segment(name) + ".json"
}

var datasetAnnotationKey = regexp.MustCompile(
	`^` + datasetAnnotationsPrefix + `([0-9a-f]{64})/(names|tags|sources|columns)/([^/]+)\.json$`,
)

// DatasetAnnotation is the inverse of DatasetAnnotationKey, except for names that the key contains only as a hash. It
// reports false for any other key.
func DatasetAnnotation(key string) (digest string, kind AnnotationKind, name string, ok bool) {
	found := datasetAnnotationKey.FindStringSubmatch(key)
	if found == nil {
		return "", "", "", false
	}
	name, err := url.PathUnescape(found[3])
	return found[1], AnnotationKind(found[2]), name, err == nil
}
