package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/registry"
)

// datasets answers the routes of /datasets.
type datasets struct {
	catalogue *catalogue.Catalogue
	registry  *registry.Registry // knows the versions that were trained on a dataset
	uploads   *uploads
	answers   *idempotency.Answers
	maxUpload int64 // bytes of a CSV
}

// Dataset is a dataset as GET /datasets lists it. The same bytes are always the same dataset.
type Dataset struct {
	Digest string `json:"digest" doc:"SHA-256 of the CSV."`
	URI    string `json:"uri" doc:"A training takes it as data_path." example:"s3://iris/datasets/ab12….csv"`
	Bytes  int64  `json:"bytes"`

	Names   []string          `json:"names" nullable:"false" doc:"Names; other datasets may have the same ones."`
	Tags    map[string]string `json:"tags"`
	Columns map[string]string `json:"columns,omitempty" doc:"The kinds that people gave to columns, by name; see PATCH."`
	Sources []DatasetSource   `json:"sources" nullable:"false" doc:"Where the bytes came from, the first source first."`
}

// DatasetSource is a place that the bytes of a dataset came from.
type DatasetSource struct {
	Kind        catalogue.SourceKind `json:"kind" enum:"upload,s3,bundled"`
	URI         string               `json:"uri,omitempty" doc:"URI of the object that it was read from."`
	FileName    string               `json:"file_name,omitempty" doc:"Name of the file in the form of an upload."`
	FirstSeenAt time.Time            `json:"first_seen_at"`
}

// DatasetDetails is a dataset with what is known of it.
type DatasetDetails struct {
	Dataset
	Views    []DatasetView    `json:"views" nullable:"false" doc:"How it was read: a view for each choice of features and class column."`
	Versions []DatasetVersion `json:"versions" nullable:"false" doc:"Versions, of all models, that were trained on it."`
}

// DatasetView is a way to read a dataset.
type DatasetView struct {
	Schema  dataset.Schema  `json:"schema"`
	Profile dataset.Profile `json:"profile"`
}

// DatasetVersion is a version that was trained on a dataset.
type DatasetVersion struct {
	Model     string    `json:"model" example:"iris"`
	Version   string    `json:"version" example:"3"`
	URI       string    `json:"model_id" example:"models:/iris/3"`
	CreatedAt time.Time `json:"created_at"`
}

type datasetsInput struct {
	PageQuery
	Name string `query:"name" maxLength:"100" doc:"Only datasets that have this name."`
}

type datasetsOutput struct {
	Body struct {
		Datasets      []Dataset `json:"datasets" nullable:"false" doc:"Sorted by digest."`
		NextPageToken string    `json:"next_page_token" doc:"Empty on the last page."`
	}
}

// list lists the datasets. A dataset that is added between two pages changes neither of them.
func (d *datasets) list(ctx context.Context, in *datasetsInput) (*datasetsOutput, error) {
	list := "datasets " + in.Name
	after, err := openPageToken(list, in.PageToken)
	if err != nil {
		return nil, err
	}
	all, err := d.all(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(ref objstore.Ref) bool { return ref.SHA256 <= string(after) })
	out := new(datasetsOutput)
	if size := in.size(); len(all) > size {
		all = all[:size]
		out.Body.NextPageToken = pageToken(list, []byte(all[size-1].SHA256))
	}
	out.Body.Datasets, err = d.annotated(ctx, all)
	return out, err
}

// all returns the datasets that have a name, or all datasets for "".
func (d *datasets) all(ctx context.Context, name string) ([]objstore.Ref, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	if name == "" {
		return d.catalogue.Datasets(ctx, "")
	}
	return d.catalogue.Named(ctx, name)
}

// annotated returns datasets with their names, tags and sources.
func (d *datasets) annotated(ctx context.Context, refs []objstore.Ref) ([]Dataset, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	digests := make([]string, len(refs))
	for i, ref := range refs {
		digests[i] = ref.SHA256
	}
	annotations, err := d.catalogue.Annotations(ctx, digests...)
	if err != nil {
		return nil, err
	}
	list := make([]Dataset, len(refs))
	for i, ref := range refs {
		a := annotations[ref.SHA256]
		list[i] = Dataset{
			Digest:  ref.SHA256,
			URI:     ref.URI(),
			Bytes:   ref.Size,
			Names:   a.Names,
			Tags:    a.Tags,
			Columns: a.Columns,
		}
		list[i].Sources = make([]DatasetSource, len(a.Sources))
		for j, source := range a.Sources {
			list[i].Sources[j] = DatasetSource(source)
		}
	}
	return list, nil
}

// DatasetPath is the dataset in a path. It is exported because huma reads it.
type DatasetPath struct {
	Digest string `path:"digest" pattern:"^[0-9a-f]{12,64}$" patternDescription:"12 to 64 lower-case hexadecimal digits" doc:"The SHA-256, or as many of its first digits as no other dataset has." example:"ab12cd34ef56"`
}

type datasetInput struct{ DatasetPath }

type datasetOutput struct{ Body DatasetDetails }

// find returns the one dataset whose digest begins with prefix.
func (d *datasets) find(ctx context.Context, prefix string) (objstore.Ref, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	found, err := d.catalogue.Datasets(ctx, prefix)
	switch {
	case err != nil:
		return objstore.Ref{}, err
	case len(found) == 0:
		return objstore.Ref{}, problem.NotFound("there is no dataset %s", prefix)
	case len(found) > 1:
		return objstore.Ref{}, problem.New(
			http.StatusConflict,
			fmt.Sprintf("%d datasets begin with %s: give more digits", len(found), prefix),
		)
	}
	return found[0], nil
}

// get answers with what is known of one dataset.
func (d *datasets) get(ctx context.Context, in *datasetInput) (*datasetOutput, error) {
	found, err := d.find(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	annotated, err := d.annotated(ctx, []objstore.Ref{found})
	if err != nil {
		return nil, err
	}
	out := &datasetOutput{Body: DatasetDetails{Dataset: annotated[0]}}
	if out.Body.Views, err = d.views(ctx, found.SHA256); err != nil {
		return nil, err
	}
	out.Body.Versions, err = d.versions(ctx, found.SHA256)
	return out, err
}

// views returns the ways in which a dataset was read.
func (d *datasets) views(ctx context.Context, digest string) ([]DatasetView, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	found, err := d.catalogue.Views(ctx, digest)
	if err != nil {
		return nil, err
	}
	views := make([]DatasetView, len(found))
	for i, v := range found {
		views[i] = DatasetView{Schema: v.Schema, Profile: v.Profile}
	}
	return views, nil
}

// versions returns the versions that were trained on a dataset.
func (d *datasets) versions(ctx context.Context, digest string) ([]DatasetVersion, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	found, err := d.registry.DatasetVersions(ctx, digest)
	if err != nil {
		return nil, fmt.Errorf("look for the versions of dataset %.12s: %w", digest, err)
	}
	versions := make([]DatasetVersion, len(found))
	for i, v := range found {
		versions[i] = DatasetVersion{Model: v.Model, Version: v.Number, URI: v.URI(), CreatedAt: v.CreatedAt}
	}
	return versions, nil
}
