package activities

import (
	"context"
	"fmt"

	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/partition"
)

// datasets reads validated datasets.
type datasets struct {
	store     *objstore.Store
	catalogue *catalogue.Catalogue
}

// view reads the schema and the profile of a dataset.
func (s datasets) view(ctx context.Context, d Dataset) (catalogue.View, error) {
	return s.catalogue.View(ctx, d.View)
}

// rows reads the rows of a dataset that every split holds out, all rows if there is no split. It allocates room for
// count rows.
func (s datasets) rows(ctx context.Context, d Dataset, count int, heldOut ...partition.Split) (*dataset.Table, error) {
	view, err := s.view(ctx, d)
	if err != nil {
		return nil, err
	}
	body, err := s.store.Get(ctx, d.Data)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // read only
	t, _, err := dataset.Read(body, dataset.ScanOptions{
		Known: view.Known, LabelColumn: d.LabelColumn, Features: view.Features, AllowSchemaChange: d.AllowSchemaChange,
		Header: view.Header, MaxBytes: maxDataset, Schema: &view.Schema,
		Rows: count, Keep: heldOutBy(heldOut, view.Schema),
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.Data.URI(), err)
	}
	return t, nil
}

// heldOutBy returns the function that tells the rows of a schema which every split holds out, nil if there is no split.
func heldOutBy(splits []partition.Split, schema dataset.Schema) func(x []float64) bool {
	var tests []func(x []float64) bool
	for _, split := range splits {
		tests = append(tests, split.Of(schema))
	}
	if tests == nil {
		return nil
	}
	return func(x []float64) bool {
		for _, held := range tests {
			if !held(x) {
				return false
			}
		}
		return true
	}
}
