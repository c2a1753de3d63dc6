package apiserver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
)

// DatasetUploaded is the body of the 201 of an upload.
type DatasetUploaded struct {
	Dataset
	DatasetView
}

// handleUpload keeps a CSV as a dataset without training on it. A request with an idempotency key has the same
// fingerprint if its parameters and its CSV are the same, however the CSV is sent.
func (d *datasets) handleUpload(w http.ResponseWriter, r *http.Request) error {
	if _, err := idempotency.Key(r); err != nil {
		return err
	}
	query := r.URL.Query()
	change, err := uploadAnnotations(query)
	if err != nil {
		return err
	}
	body, atEnd, err := datasetBody(r)
	if err != nil {
		return err
	}
	file := datasetUpload{
		id:    "dataset-" + strings.ToLower(rand.Text()),
		body:  body,
		scan:  dataset.ScanOptions{LabelColumn: query.Get("label_column"), MaxBytes: d.maxUpload},
		check: func(dataset.Summary) error { return atEnd() },
	}
	upload, summary, err := d.uploads.receive(r.Context(), w, file)
	if err != nil {
		return err
	}
	defer d.uploads.discard(r.Context(), w, upload)
	fingerprint, err := idempotency.Fingerprint(query, upload.SHA256)
	if err != nil {
		return err
	}
	return d.answers.Once(w, r, fingerprint, func(w http.ResponseWriter, r *http.Request) error {
		kept, err := d.uploads.keep(r.Context(), file, upload)
		if err != nil {
			return err
		}
		return d.sendUploaded(w, r, kept, summary, change)
	})
}

// sendUploaded annotates a dataset that was uploaded, and answers with it.
func (d *datasets) sendUploaded(
	w http.ResponseWriter, r *http.Request, kept objstore.Ref, summary dataset.Summary, change catalogue.Change,
) error {
	ctx := r.Context()
	view := catalogue.View{
		Schema: summary.Schema, Profile: summary.Profile, Warnings: summary.Warnings, LabelReason: summary.LabelReason,
	}
	if err := d.catalogue.AddView(ctx, kept.SHA256, view); err != nil {
		return err
	}
	if err := d.annotate(ctx, kept.SHA256, change); err != nil {
		return err
	}
	kept.Size = summary.Bytes
	annotated, err := d.annotated(ctx, []objstore.Ref{kept})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/datasets/"+kept.SHA256)
	return httpio.WriteJSON(w, http.StatusCreated, DatasetUploaded{
		annotated[0],
		DatasetView{Schema: view.Schema, Profile: view.Profile},
	})
}

// uploadAnnotations reads the query parameters of an upload that name and tag the dataset.
func uploadAnnotations(query url.Values) (catalogue.Change, error) {
	change := catalogue.Change{SetTags: map[string]string{}}
	for name, given := range query {
		switch name {
		case "label_column", "name":
			if len(given) > 1 {
				return change, problem.Invalid(problem.Fault{Parameter: name, Detail: "is given twice"})
			}
		case "tag":
		default:
			return change, problem.Invalid(problem.Fault{
				Parameter: problem.Clip(name),
				Detail:    "is not a parameter of an upload: want label_column, name or tag",
			})
		}
	}
	if query.Has("name") {
		change.AddNames = query["name"]
		if err := catalogue.CheckName(change.AddNames[0]); err != nil {
			return change, problem.Invalid(problem.Fault{Parameter: "name", Detail: err.Error()})
		}
	}
	for _, tag := range query["tag"] {
		key, value, _ := strings.Cut(tag, ":")
		err := catalogue.CheckTag(key, value)
		if _, twice := change.SetTags[key]; twice {
			err = errors.New("has the same key as another")
		}
		if err != nil {
			return change, problem.Invalid(problem.Fault{
				Parameter: "tag",
				Detail:    fmt.Sprintf("%q: %s; it is written key:value", problem.Clip(tag), err),
			})
		}
		change.SetTags[key] = value
	}
	return change, nil
}

// datasetBody returns the CSV of an upload: a text/csv body, or the only part of a form, `file`. Call atEnd after the
// CSV: it may refuse what follows.
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
