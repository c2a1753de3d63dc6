package objstore

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Download is what a link gives whoever opens it.
type Download struct {
	FileName  string        // under which a browser saves it
	MediaType string        // its Content-Type
	For       time.Duration // how long the link is good, at most seven days
}

// Link is a URL that reads an object without a key of the store, for Options.PublicEndpoint. It asks S3 for nothing:
// the
// object need not exist.
func (s *Store) Link(ctx context.Context, ref Ref, d Download) (string, error) {
	headers := url.Values{}
	if d.FileName != "" {
		headers.Set("response-content-disposition", Attachment(d.FileName))
	}
	if d.MediaType != "" {
		headers.Set("response-content-type", d.MediaType)
	}
	link, err := s.public.PresignedGetObject(ctx, ref.Bucket, ref.Key, d.For, headers)
	if err != nil {
		return "", fmt.Errorf("link to %s: %w", ref.URI(), err)
	}
	return link.String(), nil
}

// Attachment is the Content-Disposition of a file that is to be saved under a name. What a name may not have becomes an
// underscore.
func Attachment(fileName string) string {
	safe := []byte(fileName)
	for i, c := range safe {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '.', c == '-', c == '_':
		default:
			safe[i] = '_'
		}
	}
	return `attachment; filename="` + string(safe) + `"`
}
