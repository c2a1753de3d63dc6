package apiserver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"iris/apiserver/httpio"
	"iris/apiserver/idempotency"
	"iris/apiserver/problem"
	"iris/internal/catalogue"
	"iris/internal/dataset"
	"iris/internal/objstore"
	"iris/internal/tablefile"
	"iris/workflows"
)

// DatasetUploaded is the body of the 201 of an upload.
type DatasetUploaded struct {
	Dataset
	DatasetView
	workflows.Findings

	File UploadedFile `json:"file"`
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
		file:  body,
		how:   request.how,
		scan:  scan,
		check: func(dataset.Summary) error { return atEnd() },
	}
	got, err := d.uploads.receive(r.Context(), w, file)
	if err != nil {
		return request.locate(err)
	}
	defer d.uploads.discard(r.Context(), w, got.upload)
	fingerprint, err := idempotency.Fingerprint(r.URL.Query(), got.upload.SHA256)
	if err != nil {
		return err
	}
	return d.answers.Once(w, r, fingerprint, func(w http.ResponseWriter, r *http.Request) error {
		kept, err := d.uploads.keep(r.Context(), file, got.upload)
		if err != nil {
			return err
		}
		return d.sendUploaded(w, r, kept, got, request)
	})
}

// sendUploaded annotates a dataset that was uploaded, and answers with it.
func (d *datasets) sendUploaded(
	w http.ResponseWriter, r *http.Request, kept objstore.Ref, got received, request *uploadRequest,
) error {
	ctx := r.Context()
	summary := got.summary
	view := catalogue.View{
		Schema: summary.Schema, Profile: summary.Profile, Warnings: summary.Warnings, LabelReason: summary.LabelReason,
		Dropped: summary.Dropped, Header: got.header,
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
		got.file,
	})
}

// uploadRequest gathers the parameters of an upload.
type uploadRequest struct {
	requestFields
	labelColumn string
	how         tablefile.Reading
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
	u.how, u.rules = foldReading(u.how), foldCellRules(u.rules)
	if wrong, ok := errors.AsType[*tablefile.OptionError](u.how.Check()); ok {
		return nil, u.refuse(wrong.Option, errors.New(wrong.Reason))
	}
	u.change.SetColumns = u.rules.Columns
	return u, u.locate(workflows.CheckCellRules(u.rules))
}

// parameters are the parameters of the query.
func (u *uploadRequest) parameters() map[string]queryParameter {
	parameters := cellParameters(&u.rules)
	maps.Copy(parameters, readingParameters(&u.how))
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
