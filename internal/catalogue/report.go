package catalogue

import (
	"context"
	"fmt"
	"math"
	"slices"

	"iris/internal/dataset"
	"iris/internal/objstore"
)

// Report says what a dataset is like, as one view shows it.
type Report struct {
	Digest      string               `json:"digest" doc:"SHA-256 of the CSV."`
	LabelColumn string               `json:"label_column"`
	LabelReason string               `json:"label_reason" doc:"Why it is the class column."`
	Rows        int                  `json:"rows" doc:"Rows for training and testing."`
	DroppedRows int                  `json:"dropped_rows" doc:"Rows that are left out: without a class, or of a class with too few rows."`
	Classes     []dataset.ClassCount `json:"classes" nullable:"false"`
	Columns     []ReportColumn       `json:"columns" nullable:"false" doc:"The features. A warning says why another column is not one."`
	Warnings    []dataset.Warning    `json:"warnings" nullable:"false"`
}

// ReportColumn is what the values of a feature are like.
type ReportColumn struct {
	Name     string               `json:"name"`
	Kind     dataset.Kind         `json:"kind" enum:"numeric,boolean,categorical,datetime,text"`
	Missing  int                  `json:"missing" doc:"Rows without a value."`
	Distinct int                  `json:"distinct,omitempty" doc:"Different values of a category or a text; an estimate if there are many."`
	Top      []dataset.LevelCount `json:"top,omitempty" doc:"The most frequent values of a category."`
	Numbers  *ReportNumbers       `json:"numbers,omitempty" doc:"Absent for a category and a text. A truth value is 0 or 1, a date its days since 1970-01-01."`
}

// ReportNumbers describe the numbers of a feature.
type ReportNumbers struct {
	Min       float64           `json:"min"`
	Max       float64           `json:"max"`
	Mean      float64           `json:"mean"`
	Std       float64           `json:"std"`
	Histogram dataset.Histogram `json:"histogram"`
}

// Report returns what the dataset with a digest is like.
func (v View) Report(digest string) Report {
	r := Report{
		Digest: digest, LabelColumn: v.Schema.Label, LabelReason: v.LabelReason, Rows: v.Profile.Rows, DroppedRows: v.Dropped,
		Classes: v.Profile.Classes, Columns: make([]ReportColumn, len(v.Profile.Columns)),
		Warnings: append([]dataset.Warning{}, v.Warnings...),
	}
	for i, p := range v.Profile.Columns {
		column := ReportColumn{
			Name: p.Name, Kind: v.Schema.Column(i).Kind, Missing: p.Missing, Distinct: p.Distinct, Top: p.Top,
		}
		if column.Kind != dataset.Categorical && column.Kind != dataset.Text {
			column.Numbers = &ReportNumbers{Min: p.Min, Max: p.Max, Mean: p.Mean, Std: p.Std, Histogram: p.Histogram}
		}
		r.Columns[i] = column
	}
	return r
}

// LatestView returns the view of a dataset that was written last, of those with a class column unless that is "". It
// returns objstore.ErrNotExist if there is none.
func (c *Catalogue) LatestView(ctx context.Context, digest, label string) (View, error) {
	objects, err := c.store.ListObjects(ctx, c.bucket, objstore.DatasetsPrefix(digest)+"/", "", math.MaxInt32)
	if err != nil {
		return View{}, fmt.Errorf("list the views of dataset %.12s: %w", digest, err)
	}
	slices.SortFunc(objects, func(a, b objstore.Object) int { return b.Modified.Compare(a.Modified) })
	for _, o := range objects {
		v, err := c.View(ctx, o.Ref)
		if err != nil || label == "" || v.Schema.Label == label {
			return v, err
		}
	}
	return View{}, fmt.Errorf("look for a view of dataset %.12s: %w", digest, objstore.ErrNotExist)
}
