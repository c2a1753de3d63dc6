package catalogue

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"iris/internal/dataset"
	"iris/internal/literal"
	"iris/internal/objstore"
)

// Ref returns the object of the dataset with a digest.
func (c *Catalogue) Ref(digest string) objstore.Ref {
	return objstore.Ref{Bucket: c.bucket, Key: objstore.DatasetKey(digest), SHA256: digest}
}

// Holds reports whether ref is the object of a dataset. Such an object never changes.
func (c *Catalogue) Holds(ref objstore.Ref) bool {
	return ref.Bucket == c.bucket && objstore.IsDatasetKey(ref.Key)
}

// Keep makes an object, whose SHA-256 its ref has, a dataset. The same bytes are the same dataset.
func (c *Catalogue) Keep(ctx context.Context, from objstore.Ref) (objstore.Ref, error) {
	key := objstore.DatasetKey(from.SHA256)
	kept, err := c.store.Stat(ctx, c.bucket, key)
	if errors.Is(err, objstore.ErrNotExist) || err == nil && kept.Size != from.Size {
		kept, err = c.store.Copy(ctx, from, c.bucket, key)
	}
	if err != nil {
		return objstore.Ref{}, fmt.Errorf("keep dataset %.12s: %w", from.SHA256, err)
	}
	kept.SHA256 = from.SHA256
	return kept, nil
}

// KeepBytes is Keep for data in memory.
func (c *Catalogue) KeepBytes(ctx context.Context, csv []byte) (objstore.Ref, error) {
	sum := sha256.Sum256(csv)
	key := objstore.DatasetKey(hex.EncodeToString(sum[:]))
	return c.store.Put(ctx, c.bucket, key, bytes.NewReader(csv), int64(len(csv)), "text/csv")
}

// Datasets lists the datasets whose digests begin with prefix, sorted by digest.
func (c *Catalogue) Datasets(ctx context.Context, prefix string) ([]objstore.Ref, error) {
	objects, err := c.store.List(ctx, c.bucket, objstore.DatasetsPrefix(prefix))
	if err != nil {
		return nil, fmt.Errorf("list the datasets: %w", err)
	}
	found := []objstore.Ref{}
	for _, ref := range objects {
		if digest, ok := objstore.DatasetDigest(ref.Key); ok {
			ref.SHA256 = digest
			found = append(found, ref)
		}
	}
	return found, nil
}

// Named lists the datasets that have a name, sorted by digest.
func (c *Catalogue) Named(ctx context.Context, name string) ([]objstore.Ref, error) {
	all, err := c.Datasets(ctx, "")
	if err != nil {
		return nil, err
	}
	digests, err := c.digestsNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(ref objstore.Ref) bool { return !slices.Contains(digests, ref.SHA256) }), nil
}

var digestPrefix = regexp.MustCompile(`^[0-9a-f]{12,64}$`)

// Find lists the datasets that a word names. The word is a name, or 12 or more digits that a digest begins with.
func (c *Catalogue) Find(ctx context.Context, word string) ([]objstore.Ref, error) {
	if digestPrefix.MatchString(word) {
		return c.Datasets(ctx, word)
	}
	return c.Named(ctx, word)
}

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// digestOf returns the digest of the dataset that ref names or has the bytes of, or "" if it does not exist.
func (c *Catalogue) digestOf(ctx context.Context, ref objstore.Ref) (string, error) {
	if digest, ok := objstore.DatasetDigest(ref.Key); ok && ref.Bucket == c.bucket {
		return digest, nil
	}
	if !digestPattern.MatchString(ref.SHA256) {
		return "", nil
	}
	_, err := c.store.Stat(ctx, c.bucket, objstore.DatasetKey(ref.SHA256))
	switch {
	case errors.Is(err, objstore.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return ref.SHA256, nil
}

// ColumnNames returns the names of the columns of a dataset: those of its first line, and those of the schemas that it
// was read with, for a file without a header.
func (c *Catalogue) ColumnNames(ctx context.Context, digest string) ([]string, error) {
	views, err := c.Views(ctx, digest)
	if err != nil {
		return nil, err
	}
	body, err := c.store.Get(ctx, c.Ref(digest))
	if err != nil {
		return nil, fmt.Errorf("read the columns of dataset %.12s: %w", digest, err)
	}
	defer body.Close() //nolint:errcheck // read only
	first, err := dataset.NewCSVReader(bufio.NewReader(body)).Read()
	if err != nil {
		return nil, fmt.Errorf("read the columns of dataset %.12s: %w", digest, err)
	}
	names := make([]string, len(first))
	for i, cell := range first {
		names[i] = literal.Trim(cell)
	}
	for _, v := range views {
		names = append(append(names, v.Schema.Features...), v.Schema.Label)
	}
	return names, nil
}
