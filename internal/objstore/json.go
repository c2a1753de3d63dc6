package objstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// maxJSON bounds the JSON objects that GetJSON reads. It is far more than Iris writes and does not endanger the
// process.
const maxJSON = 16 << 20

// PutJSON stores v as JSON of at most 16 MiB, the limit of GetJSON.
func (s *Store) PutJSON(ctx context.Context, bucket, key string, v any) (Ref, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return Ref{}, fmt.Errorf("put %s: %w", Ref{Bucket: bucket, Key: key}.URI(), err)
	}
	if len(data) > maxJSON {
		return Ref{}, fmt.Errorf("put %s: %w: %d bytes of JSON, want at most %d",
			Ref{Bucket: bucket, Key: key}.URI(), ErrRefused, len(data), maxJSON)
	}
	return s.Put(ctx, bucket, key, bytes.NewReader(data), int64(len(data)), "application/json")
}

// GetJSON reads an object of at most 16 MiB into v. An object that is not JSON for v is ErrUnreadable.
func (s *Store) GetJSON(ctx context.Context, bucket, key string, v any) error {
	ref := Ref{Bucket: bucket, Key: key}
	body, err := s.Get(ctx, ref)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(body, maxJSON+1))
	if err != nil {
		return err
	}
	return decodeJSON("get "+ref.URI(), data, v)
}

// decodeJSON decodes what a reader limited to one byte more than maxJSON has read.
func decodeJSON(doing string, data []byte, v any) error {
	if len(data) > maxJSON {
		return fmt.Errorf("%s: %w: over %d bytes, the limit for JSON", doing, ErrUnreadable, maxJSON)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w: %w", doing, ErrUnreadable, err)
	}
	return nil
}
