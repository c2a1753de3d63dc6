package objstore

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Download describes what a link returns.
type Download struct {
	FileName  string        // the name under which a browser saves the file
	MediaType string        // the Content-Type
	For       time.Duration // how long the link works, at most seven days
}

// Link returns a URL below Options.PublicEndpoint that reads an object without keys. It sends no request, so the object
// need not exist.
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

// Attachment returns the Content-Disposition with which a browser saves a file under a name. Every byte other than a
// letter, a digit, a dot, a hyphen or an underscore becomes an underscore.
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
