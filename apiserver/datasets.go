package apiserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/workflows"
)

// Dataset is a dataset as GET /datasets lists it: the same bytes are the same dataset for ever.
type Dataset struct {
	Digest string `json:"digest" doc:"SHA-256 of the CSV"`
	URI    string `json:"uri" doc:"what a training takes as data_path" example:"s3://iris/datasets/ab12….csv"`
	Bytes  int64  `json:"bytes"`

	Names   []string                 `json:"names" nullable:"false" doc:"what it is called; other bytes may have the same name"`
	Tags    map[string]string        `json:"tags"`
	Sources []registry.DatasetSource `json:"sources" nullable:"false" doc:"where these bytes came from, the first time first"`
}

// DatasetDetails is a dataset with what is known of it.
type DatasetDetails struct {
	Dataset
	Views    []DatasetView    `json:"views" nullable:"false" doc:"how it was read: one for each choice of features and class column"`
	Versions []DatasetVersion `json:"versions" nullable:"false" doc:"what was trained on it, of all models"`
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
	ModelID   string    `json:"model_id" example:"models:/iris/3"`
	CreatedAt time.Time `json:"created_at"`
}

type datasetsInput struct {
	PageSize  int    `query:"page_size" minimum:"0" doc:"at most so many; 0 is 50, and no page has more than 200"`
	PageToken string `query:"page_token" maxLength:"10000" doc:"next_page_token of the page before"`
	Name      string `query:"name" maxLength:"100" doc:"only datasets of this name"`
}

type datasetsOutput struct {
	Body struct {
		Datasets      []Dataset `json:"datasets" nullable:"false" doc:"in the order of their digests"`
		NextPageToken string    `json:"next_page_token" doc:"empty on the last page"`
	}
}

// getDatasets lists the datasets. A dataset that comes between two pages changes neither of them.
func (s *Server) getDatasets(ctx context.Context, in *datasetsInput) (*datasetsOutput, error) {
	list := "datasets " + in.Name
	after, err := openPageToken(list, in.PageToken)
	if err != nil {
		return nil, err
	}
	all, err := s.datasets(ctx, "")
	if err == nil && in.Name != "" {
		all, err = s.named(ctx, all, in.Name)
	}
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(d Dataset) bool { return d.Digest <= string(after) })
	out := new(datasetsOutput)
	if size := min(either(in.PageSize, defaultPageSize), maxPageSize); len(all) > size {
		all = all[:size]
		out.Body.NextPageToken = pageToken(list, []byte(all[size-1].Digest))
	}
	out.Body.Datasets = all
	return out, s.addNotes(ctx, all)
}

// datasets are those whose digests begin so, in their order.
func (s *Server) datasets(ctx context.Context, prefix string) ([]Dataset, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	objects, err := s.Store.List(ctx, s.Bucket, objstore.DatasetsPrefix(prefix))
	if err != nil {
		return nil, fmt.Errorf("list the datasets: %w", err)
	}
	found := []Dataset{}
	for _, ref := range objects {
		if digest, ok := objstore.DatasetDigest(ref.Key); ok {
			found = append(found, Dataset{Digest: digest, URI: ref.URI(), Bytes: ref.Size})
		}
	}
	return found, nil
}

type datasetInput struct {
	Digest string `path:"digest" pattern:"^[0-9a-f]{12,64}$" patternDescription:"12 to 64 lower-case hexadecimal digits" doc:"the SHA-256, or as much of its beginning as no other has" example:"ab12cd34ef56"`
}

type datasetOutput struct{ Body DatasetDetails }

// findDataset is the one dataset whose digest begins so.
func (s *Server) findDataset(ctx context.Context, digest string) (Dataset, error) {
	found, err := s.datasets(ctx, digest)
	switch {
	case err != nil:
		return Dataset{}, err
	case len(found) == 0:
		return Dataset{}, problem.NotFound("there is no dataset %s", digest)
	case len(found) > 1:
		return Dataset{}, problem.New(
			http.StatusConflict,
			fmt.Sprintf("%d datasets begin with %s: give more digits", len(found), digest),
		)
	}
	return found[0], s.addNotes(ctx, found)
}

// getDataset answers what is known of one dataset.
func (s *Server) getDataset(ctx context.Context, in *datasetInput) (*datasetOutput, error) {
	found, err := s.findDataset(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	out := &datasetOutput{Body: DatasetDetails{Dataset: found, Versions: []DatasetVersion{}}}
	if out.Body.Views, err = s.views(ctx, found.Digest); err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	versions, err := s.Registry.DatasetVersions(ctx, found.Digest)
	if err != nil {
		return nil, fmt.Errorf("look for what uses dataset %.12s: %w", found.Digest, err)
	}
	for _, v := range versions {
		out.Body.Versions = append(
			out.Body.Versions,
			DatasetVersion{Model: v.Model, Version: v.Number, ModelID: v.URI(), CreatedAt: v.CreatedAt},
		)
	}
	return out, nil
}

// views reads the ways in which a dataset was read.
func (s *Server) views(ctx context.Context, digest string) ([]DatasetView, error) {
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	objects, err := s.Store.List(ctx, s.Bucket, objstore.DatasetsPrefix(digest)+"/")
	if err != nil {
		return nil, fmt.Errorf("list the views of dataset %.12s: %w", digest, err)
	}
	views := make([]DatasetView, len(objects))
	for i, ref := range objects {
		var v workflows.DatasetView
		if err := s.Store.GetJSON(ctx, ref.Bucket, ref.Key, &v); err != nil {
			return nil, fmt.Errorf("read a view of dataset %.12s: %w", digest, err)
		}
		views[i] = DatasetView{Schema: v.Schema, Profile: v.Profile}
	}
	return views, nil
}

// DatasetUploaded is the body of the 201 of an upload.
type DatasetUploaded struct {
	Dataset
	DatasetView
}

// handleDatasetUpload keeps a CSV as a dataset without training on it. The same bytes are the same dataset.
func (s *Server) handleDatasetUpload(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	query := r.URL.Query()
	label := query.Get("label_column")
	notes, err := uploadNotes(query)
	if err != nil {
		return err
	}
	body, atEnd, err := datasetBody(r)
	if err != nil {
		return err
	}
	kept, summary, err := s.keepUpload(
		ctx,
		w,
		"dataset-"+strings.ToLower(rand.Text()),
		body,
		func(dataset.Summary) error { return atEnd() },
		dataset.ScanOptions{LabelColumn: label, MaxBytes: s.MaxUpload},
	)
	if err != nil {
		return err
	}
	view := workflows.DatasetView{Schema: summary.Schema, Profile: summary.Profile}
	if err := s.keepView(ctx, kept.SHA256, view); err != nil {
		return err
	}
	if err := s.changeDataset(ctx, kept.SHA256, notes); err != nil {
		return err
	}
	answer := []Dataset{{Digest: kept.SHA256, URI: kept.URI(), Bytes: summary.Bytes}}
	if err := s.addNotes(ctx, answer); err != nil {
		return err
	}
	w.Header().Set("Location", "/datasets/"+kept.SHA256)
	return httpio.WriteJSON(w, http.StatusCreated, DatasetUploaded{
		answer[0],
		DatasetView{Schema: view.Schema, Profile: view.Profile},
	})
}

// datasetBody is the CSV of an upload: a text/csv body, or the only part of a form, `file`. atEnd is asked behind it.
func datasetBody(r *http.Request) (body io.Reader, atEnd func() error, err error) {
	media, err := httpio.MediaType(r)
	if err != nil {
		return nil, nil, err
	}
	switch media {
	case "text/csv":
		return r.Body, httpio.NothingFollows, nil
	case "multipart/form-data":
		file, atEnd, err := httpio.FormFile(r, nil)
		if file == nil && err == nil {
			err = problem.Invalid(problem.Fault{Parameter: "file", Detail: "is missing"})
		}
		return file, atEnd, err
	}
	return nil, nil, problem.New(
		http.StatusUnsupportedMediaType,
		fmt.Sprintf(
			"Content-Type %q is not understood: send the CSV as text/csv or as the part `file` of multipart/form-data",
			problem.Clip(media),
		),
	)
}

// keepView keeps how an upload was read, unless a training has read it so: that knows more.
func (s *Server) keepView(ctx context.Context, digest string, view workflows.DatasetView) error {
	name, err := view.Name()
	if err != nil {
		return fmt.Errorf("name the view of dataset %.12s: %w", digest, err)
	}
	key := objstore.DatasetViewKey(digest, name)
	if _, err = s.Store.Stat(ctx, s.Bucket, key); errors.Is(err, objstore.ErrNotExist) {
		_, err = s.Store.PutJSON(ctx, s.Bucket, key, view)
	}
	if err != nil {
		return fmt.Errorf("keep the view of dataset %.12s: %w", digest, err)
	}
	return nil
}
