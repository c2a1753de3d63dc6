package objstore

import (
	"fmt"
	"strings"
)

// ParseObjects reads the name of an object, as ParseURI does, or with a slash at its end that of all objects whose keys
// begin so.
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
