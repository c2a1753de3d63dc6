package objstore

import (
	"fmt"
	"strings"
)

// ParseObjects parses the URI of an object, as ParseURI does, or a URI that ends with a slash. The latter stands for
// all objects whose keys start with its key.
func ParseObjects(s string) (Ref, error) {
	object, isPrefix := strings.CutSuffix(s, "/")
	if !isPrefix {
		return ParseURI(s)
	}
	ref, err := ParseURI(object)
	if err != nil {
		return Ref{}, fmt.Errorf("%q names no objects in S3: want s3://bucket/key or s3://bucket/prefix/", s)
	}
	ref.Key += "/"
	return ref, nil
}
