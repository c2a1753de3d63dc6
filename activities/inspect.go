package activities

import (
	"context"
	"slices"

	"iris/internal/dataset"
	"iris/internal/leak"
	"iris/internal/objstore"
)

// Limits of the search for leaks.
const (
	maxLeakBytes = 64 << 20 // of the CSV; a larger one is not searched
	maxLeakRows  = 20_000   // evenly spread over the dataset
	maxLeakCells = 4 << 20  // of those rows: 32 MiB
)

// inspect reads a dataset once more, now that its schema is known. It refuses one with too few different rows. If the
// dataset is small enough to search, inspect adds warnings of columns that tell the class on their own. Otherwise it
// stops reading when enough rows differ.
func (a *Activities) inspect(
	ctx context.Context, ref objstore.Ref, o dataset.ScanOptions, validated bool, summary *dataset.Summary,
) error {
	body, err := a.o.Store.Get(ctx, ref)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // read only
	if ref.Size > maxLeakBytes {
		return dataset.CheckVariety(body, o, validated)
	}
	variety, sample := dataset.NewVariety(*o.Schema), newSample(*o.Schema, summary.Profile.Rows)
	err = dataset.Each(body, o, func(x []float64, class int) error {
		variety.Add(x, class)
		sample.add(x, class)
		return nil
	})
	if err == nil {
		err = variety.Check(validated)
	}
	if err == nil {
		summary.Warnings = append(summary.Warnings, leak.Find(sample.kept)...)
	}
	return err
}

// sample keeps rows that are evenly spread over a dataset.
type sample struct {
	kept            *dataset.Table
	rows, want, row int // of the dataset, of the sample, and seen so far
}

func newSample(s dataset.Schema, rows int) sample {
	n := min(rows, maxLeakRows, max(1, maxLeakCells/s.Width()))
	t := dataset.NewTable(s)
	t.X, t.Y = slices.Grow(t.X, n*s.Width()), slices.Grow(t.Y, n)
	return sample{kept: t, rows: rows, want: n}
}

func (s *sample) add(x []float64, class int) {
	if s.row++; s.kept.Rows()*s.rows >= s.row*s.want { // this share of the rows so far is there
		return
	}
	s.kept.X, s.kept.Y = append(s.kept.X, x...), append(s.kept.Y, class)
}
