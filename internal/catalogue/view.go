package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"iris/internal/dataset"
	"iris/internal/objstore"
)

// View is the result of one way to read a dataset: by one label column and one list of features.
type View struct {
	Schema  dataset.Schema  `json:"schema"`
	Profile dataset.Profile `json:"profile"`
	// Features are the requested columns, nil if all columns were read.
	Features []string `json:"features,omitempty"`
	// Known is the schema that the model had when the data was read, nil if it had none.
	Known *dataset.Schema `json:"known,omitempty"`
	// LabelReason says why Schema.Label is the class column.
	LabelReason string `json:"label_reason,omitempty"`
	// Header is the option that the data was read with.
	Header dataset.Header `json:"header,omitempty"`
	// Warnings are what the owner of the data should know about this reading.
	Warnings []dataset.Warning `json:"warnings,omitempty"`
	Dropped  int               `json:"dropped,omitempty"` // rows that were left out
}

// key returns where a view is stored. Its name is a hash of what the view depends on besides the bytes.
func (v View) key(digest string) (string, error) {
	b, err := json.Marshal(v.Schema)
	if err != nil {
		return "", fmt.Errorf("name the view of dataset %.12s: %w", digest, err)
	}
	sum := sha256.Sum256(b)
	return objstore.DatasetViewKey(digest, hex.EncodeToString(sum[:8])), nil
}

// WriteView stores a view of a dataset and replaces an older one.
func (c *Catalogue) WriteView(ctx context.Context, digest string, v View) (objstore.Ref, error) {
	key, err := v.key(digest)
	if err != nil {
		return objstore.Ref{}, err
	}
	return c.putView(ctx, digest, key, v)
}

// AddView stores a view of a dataset unless it exists: a training, which uses WriteView, knows more of it.
func (c *Catalogue) AddView(ctx context.Context, digest string, v View) error {
	key, err := v.key(digest)
	if err != nil {
		return err
	}
	switch _, err = c.store.Stat(ctx, c.bucket, key); {
	case err == nil:
		return nil
	case !errors.Is(err, objstore.ErrNotExist):
		return fmt.Errorf("look up a view of dataset %.12s: %w", digest, err)
	}
	_, err = c.putView(ctx, digest, key, v)
	return err
}

func (c *Catalogue) putView(ctx context.Context, digest, key string, v View) (objstore.Ref, error) {
	ref, err := c.store.PutJSON(ctx, c.bucket, key, v)
	if err != nil {
		return ref, fmt.Errorf("write a view of dataset %.12s: %w", digest, err)
	}
	return ref, nil
}

// View reads a view that WriteView returned.
func (c *Catalogue) View(ctx context.Context, ref objstore.Ref) (View, error) {
	var v View
	if err := c.store.GetJSON(ctx, ref.Bucket, ref.Key, &v); err != nil {
		return View{}, fmt.Errorf("read a view of a dataset: %w", err)
	}
	return v, nil
}

// Views reads all views of a dataset.
func (c *Catalogue) Views(ctx context.Context, digest string) ([]View, error) {
	objects, err := c.store.List(ctx, c.bucket, objstore.DatasetsPrefix(digest)+"/")
	if err != nil {
		return nil, fmt.Errorf("list the views of dataset %.12s: %w", digest, err)
	}
	views := make([]View, len(objects))
	for i, ref := range objects {
		if views[i], err = c.View(ctx, ref); err != nil {
			return nil, err
		}
	}
	return views, nil
}
