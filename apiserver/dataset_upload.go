package apiserver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/workflows"
)

// DatasetUploaded is the body of the 201 of an upload.
type DatasetUploaded struct {
	Dataset
	DatasetView
	workflows.Findings
}

// handleUpload keeps a CSV as a dataset without training on it. A request with an idempotency key has the same
// fingerprint if its parameters and its CSV are the same, however the CSV is sent.
func (d *datasets) handleUpload(w http.ResponseWriter, r *http.Request) error {
	if _, err := idempotency.Key(r); err != nil {
		return err
	}
	request, err := newUploadRequest(r.URL.RawQuery)
	if err != nil {
		return err
	}
	body, atEnd, err := datasetBody(r)
	if err != nil {
		return err
	}
	scan := request.rules.Options()
	scan.LabelColumn, scan.MaxBytes = request.labelColumn, d.maxUpload
	file := datasetUpload{
		id:    "dataset-" + strings.ToLower(rand.Text()),
		body:  body,
		scan:  scan,
		check: func(dataset.Summary) error { return atEnd() },
	}
	upload, summary, err := d.uploads.receive(r.Context(), w, file)
	if err != nil {
		return request.locate(err)
	}
	defer d.uploads.discard(r.Context(), w, upload)
	fingerprint, err := idempotency.Fingerprint(r.URL.Query(), upload.SHA256)
	if err != nil {
		return err
	}
	return d.answers.Once(w, r, fingerprint, func(w http.ResponseWriter, r *http.Request) error {
		kept, err := d.uploads.keep(r.Context(), file, upload)
		if err != nil {
			return err
		}
		return d.sendUploaded(w, r, kept, summary, request)
	})
}

// sendUploaded annotates a dataset that was uploaded, and answers with it.
func (d *datasets) sendUploaded(
	w http.ResponseWriter, r *http.Request, kept objstore.Ref, summary dataset.Summary, request *uploadRequest,
) error {
	ctx := r.Context()
	view := catalogue.View{
		Schema: summary.Schema, Profile: summary.Profile, Warnings: summary.Warnings, LabelReason: summary.LabelReason,
		Dropped: summary.Dropped,
	}
	if err := d.catalogue.AddView(ctx, kept.SHA256, view); err != nil {
		return err
	}
	if err := d.annotate(ctx, kept.SHA256, request.change); err != nil {
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
		*workflows.NewFindings(summary),
	})
}

// uploadRequest gathers the parameters of an upload.
type uploadRequest struct {
	requestFields
	labelColumn string
	rules       workflows.CellRules
	change      catalogue.Change // of the annotations of the dataset
}

func newUploadRequest(rawQuery string) (*uploadRequest, error) {
	u := &uploadRequest{
		requestFields: newRequestFields("an upload"), change: catalogue.Change{SetTags: map[string]string{}},
	}
	if err := u.readQuery(rawQuery, u.parameters()); err != nil {
		return nil, err
	}
	u.rules = foldCellRules(u.rules)
	u.change.SetColumns = u.rules.Columns
	return u, u.locate(workflows.CheckCellRules(u.rules))
}

// parameters are the parameters of the query.
func (u *uploadRequest) parameters() map[string]queryParameter {
	parameters := cellParameters(&u.rules)
	maps.Copy(parameters, map[string]queryParameter{
		"label_column": {set: func(v []string) error { u.labelColumn = v[0]; return nil }},
		"name": {set: func(v []string) error {
			u.change.AddNames = v
			return catalogue.CheckName(v[0])
		}},
		"tag": {repeated: true, set: u.setTags},
	})
	return parameters
}

// setTags reads tags, which are written key:value.
func (u *uploadRequest) setTags(tags []string) error {
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, ":")
		err := catalogue.CheckTag(key, value)
		if _, twice := u.change.SetTags[key]; twice {
			err = errors.New("has the same key as another")
		}
		if err != nil {
			return fmt.Errorf("has %q: %w; it is written key:value", problem.Clip(tag), err)
		}
		u.change.SetTags[key] = value
	}
	return nil
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
