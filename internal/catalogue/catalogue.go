// Package catalogue keeps the datasets in the object store: their bytes under their SHA-256, the ways they were read,
// and annotations, which are names, tags, sources and the batches that used them. The API and the worker share it. It
// parses no CSV and knows no versions of models: those are package dataset's and package registry's.
package catalogue

import (
	"errors"
	"fmt"
	"slices"

	"iris/internal/objstore"
)

// Options configures a Catalogue. Store and Bucket are required.
type Options struct {
	Store       *objstore.Store
	Bucket      string   // of Iris
	DataBuckets []string // other buckets that a request may read data from
}

// Catalogue keeps datasets. It holds no state, so any number of goroutines and processes may use it.
type Catalogue struct {
	store       *objstore.Store
	bucket      string
	dataBuckets []string
}

// New returns a catalogue, or an error that names the missing option. It connects to nothing.
func New(o Options) (*Catalogue, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("catalogue: Store is missing")
	case o.Bucket == "":
		return nil, errors.New("catalogue: Bucket is missing")
	}
	return &Catalogue{store: o.Store, bucket: o.Bucket, dataBuckets: o.DataBuckets}, nil
}

// CheckReadable returns an error unless a request may read data from the bucket of ref. Other buckets may hold what
// their own permissions protect; MLflow's does.
func (c *Catalogue) CheckReadable(ref objstore.Ref) error {
	if ref.Bucket != c.bucket && !slices.Contains(c.dataBuckets, ref.Bucket) {
		return fmt.Errorf("bucket %q is not open for data", ref.Bucket)
	}
	return nil
}
