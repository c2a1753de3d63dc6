package activities

import (
	"context"

	"iris/internal/dataset"
	"iris/internal/leak"
	"iris/internal/objstore"
)

// Limits of the search for leaks, which reads the dataset once more.
const (
	maxLeakBytes = 64 << 20 // of the CSV; a larger one is not searched
	maxLeakRows  = 20_000   // evenly spread over the dataset
	maxLeakCells = 4 << 20  // of those rows: 32 MiB
)

// leaks warns of columns that tell the class on their own, if the dataset is small enough to search.
func (a *Activities) leaks(
	ctx context.Context, ref objstore.Ref, o dataset.ScanOptions, rows int,
) ([]dataset.Warning, error) {
	if ref.Size > maxLeakBytes {
		return nil, nil
	}
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // read only
	o.Rows = min(rows, maxLeakRows, max(1, maxLeakCells/len(o.Schema.Features)))
	row, kept := 0, 0
	o.Keep = func([]float64) bool {
		row++
		if kept*rows >= row*o.Rows { // this share of the rows so far is there
			return false
		}
		kept++
		return true
	}
	sample, _, err := dataset.Read(body, o)
	if err != nil {
		return nil, err
	}
	return leak.Find(sample), nil
}
