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
)

// DatasetPatch is the body of PATCH /datasets/{digest}.
type DatasetPatch struct {
	AddNames    []string           `json:"add_names,omitempty" nullable:"false" maxItems:"20" doc:"Each of 1 to 100 letters, digits and _ . -; a dataset has up to 20."`
	RemoveNames []string           `json:"remove_names,omitempty" nullable:"false" maxItems:"20"`
	Tags        map[string]*string `json:"tags,omitempty" nullable:"false" doc:"Tags to set, up to 500 bytes each, and tags to remove, whose value is null; a dataset has up to 20."`
}

type datasetPatchInput struct {
	DatasetPath
	Body DatasetPatch
}

// patch changes the names and tags of a dataset.
func (d *datasets) patch(ctx context.Context, in *datasetPatchInput) (*datasetOutput, error) {
	found, err := d.find(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	change, err := in.Body.change()
	if err != nil {
		return nil, err
	}
	if err := d.annotate(ctx, found.SHA256, change); err != nil {
		return nil, err
	}
	return d.get(ctx, &datasetInput{DatasetPath{found.SHA256}})
}

// change checks the names and tags of a patch.
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
	return change, nil
}

// annotate changes the names and tags of a dataset.
func (d *datasets) annotate(ctx context.Context, digest string, change catalogue.Change) error {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	err := d.catalogue.Annotate(ctx, digest, change)
	if errors.Is(err, catalogue.ErrTooMany) {
		return problem.New(
			http.StatusUnprocessableEntity,
			fmt.Sprintf("a dataset has up to %d names and %d tags: nothing was changed", catalogue.MaxNames, catalogue.MaxTags),
		)
	}
	return err
}
