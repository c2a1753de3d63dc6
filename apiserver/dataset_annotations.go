package apiserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/workflows"
)

// DatasetPatch is the body of PATCH /datasets/{digest}.
type DatasetPatch struct {
	AddNames    []string           `json:"add_names,omitempty" nullable:"false" maxItems:"20" doc:"Each of 1 to 100 letters, digits and _ . -; a dataset has up to 20."`
	RemoveNames []string           `json:"remove_names,omitempty" nullable:"false" maxItems:"20"`
	Tags        map[string]*string `json:"tags,omitempty" nullable:"false" doc:"Tags to set, up to 500 bytes each, and tags to remove, whose value is null; a dataset has up to 20."`
	Columns     map[string]*string `json:"columns,omitempty" nullable:"false" doc:"The kind of columns, which trainings on the dataset use unless they say otherwise: numeric, boolean, categorical, datetime, text or ignore. A column whose value is null gets the kind that Iris finds; up to 100 columns have another one."`
}

type datasetPatchInput struct {
	DatasetPath
	Body DatasetPatch
}

// patch changes the names, the tags and the kinds of columns of a dataset.
func (d *datasets) patch(ctx context.Context, in *datasetPatchInput) (*datasetOutput, error) {
	found, err := d.find(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	change, err := in.Body.change()
	if err != nil {
		return nil, err
	}
	if err := d.checkColumns(ctx, found.SHA256, change.SetColumns); err != nil {
		return nil, err
	}
	if err := d.annotate(ctx, found.SHA256, change); err != nil {
		return nil, err
	}
	return d.get(ctx, &datasetInput{DatasetPath{found.SHA256}})
}

// change checks a patch, but not whether the dataset has its columns.
func (p DatasetPatch) change() (catalogue.Change, error) {
	change := catalogue.Change{AddNames: p.AddNames, RemoveNames: p.RemoveNames, SetTags: map[string]string{}}
	for i, name := range p.AddNames {
		if err := catalogue.CheckName(name); err != nil {
			return change, problem.Invalid(
				problem.Fault{Pointer: fmt.Sprintf("/add_names/%d", i), Detail: err.Error()},
			)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		value := p.Tags[key]
		if value == nil {
			change.RemoveTags = append(change.RemoveTags, key)
			continue
		}
		if err := catalogue.CheckTag(key, *value); err != nil {
			return change, problem.Invalid(problem.Fault{
				Pointer: "/tags/" + dataset.PointerToken(problem.Clip(key)),
				Detail:  err.Error(),
			})
		}
		change.SetTags[key] = *value
	}
	for _, name := range slices.Sorted(maps.Keys(p.Columns)) {
		kind := p.Columns[name]
		if kind == nil {
			change.RemoveColumns = append(change.RemoveColumns, name)
			continue
		}
		word := foldWord(*kind, workflows.ColumnWords())
		if err := workflows.CheckColumn(name, word); err != nil {
			return change, columnFault(name, err.Error())
		}
		if change.SetColumns == nil {
			change.SetColumns = make(map[string]string, len(p.Columns))
		}
		change.SetColumns[name] = word
	}
	return change, nil
}

func columnFault(name, detail string) error {
	return problem.Invalid(problem.Fault{
		Pointer: "/columns/" + dataset.PointerToken(problem.Clip(name)), Detail: detail,
	})
}

// checkColumns refuses kinds of columns that a dataset does not have.
func (d *datasets) checkColumns(ctx context.Context, digest string, kinds map[string]string) error {
	if len(kinds) == 0 {
		return nil
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	columns, err := d.catalogue.ColumnNames(ctx, digest)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if !slices.Contains(columns, name) {
			return columnFault(name, "is not a column of the dataset")
		}
	}
	return nil
}

// annotate changes the names, the tags and the kinds of columns of a dataset.
func (d *datasets) annotate(ctx context.Context, digest string, change catalogue.Change) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	err := d.catalogue.Annotate(ctx, digest, change)
	if errors.Is(err, catalogue.ErrTooMany) {
		return problem.New(
			http.StatusUnprocessableEntity,
			fmt.Sprintf("a dataset has up to %d names, %d tags and %d kinds of columns: nothing was changed",
				catalogue.MaxNames, catalogue.MaxTags, catalogue.MaxKinds),
		)
	}
	return err
}
