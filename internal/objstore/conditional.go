package objstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// GetJSONUnless reads an object of at most 16 MiB into v and returns its ETag. If the object still has the ETag known,
// GetJSONUnless returns ErrNotModified and leaves v alone; S3 then sends no body. An empty known reads the object in
// any case.
func (s *Store) GetJSONUnless(ctx context.Context, bucket, key, known string, v any) (etag string, err error) {
	doing := "get " + Ref{Bucket: bucket, Key: key}.URI()
	var options minio.GetObjectOptions
	if known != "" {
		if err := options.SetMatchETagExcept(known); err != nil {
			return "", fmt.Errorf("%s: %w", doing, err)
		}
	}
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	content, info, _, err := s.client.GetObject(ctx, bucket, key, options)
	if err != nil {
		return "", translate(ctx, doing, err)
	}
	defer content.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(wait.renewedBy(content), maxJSON+1))
	if err != nil {
		return "", translate(ctx, doing, err)
	}
	return info.ETag, decodeJSON(doing, data, v)
}

// PutJSONIf stores v as JSON if the object still has the ETag known, or if there is no object and known is empty, and
// returns the new ETag. Otherwise it stores nothing and returns ErrChanged. v may have up to 16 MiB.
//
// PutJSONIf repeats a request whose answer is lost, so ErrChanged may also mean that its own first request has stored
// v. A caller that must know reads the object again.
func (s *Store) PutJSONIf(ctx context.Context, bucket, key, known string, v any) (etag string, err error) {
	u := &upload{store: s, ref: Ref{Bucket: bucket, Key: key}}
	u.doing = "put " + u.ref.URI()
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("%s: %w", u.doing, err)
	}
	if len(data) > maxJSON {
		return "", fmt.Errorf("%s: %w: over %d bytes, the limit for JSON", u.doing, ErrRefused, maxJSON)
	}
	u.options.ContentType = "application/json"
	if known == "" {
		u.options.SetMatchETagExcept("*")
	} else {
		u.options.SetMatchETag(known)
	}
	err = u.whole(ctx, data)
	var answer minio.ErrorResponse
	switch {
	case known != "" && errors.Is(err, ErrNotExist): // deleted meanwhile
		return "", fmt.Errorf("%s: the object %w", u.doing, ErrChanged)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusConflict: // AWS, for two writers at the same time
		return "", fmt.Errorf("%s: the object %w", u.doing, ErrChanged)
	case err != nil:
		return "", err
	}
	return u.etag, nil
}
