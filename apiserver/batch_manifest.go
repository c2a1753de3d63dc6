package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/scores"
	"iris/model"
	"iris/workflows"
)

// BatchManifest describes the results of a batch that has ended.
type BatchManifest struct {
	TaskID     string             `json:"task_id"`
	State      workflows.State    `json:"state" enum:"SUCCESS,REVOKED" doc:"REVOKED: the batch was cancelled, and these results were finished before."`
	Model      string             `json:"model" example:"iris"`
	Version    string             `json:"version" example:"3"`
	ModelID    string             `json:"model_id" example:"models:/iris/3"`
	Input      string             `json:"input,omitempty" doc:"The data_path, if the request had one."`
	SHA256     string             `json:"dataset_sha256,omitempty" doc:"Hash of the input. For a prefix, hash of the list of its objects."`
	Format     scores.Format      `json:"format" enum:"csv,jsonl,parquet" doc:"Format of the output."`
	Columns    []string           `json:"columns" nullable:"false" doc:"Columns of the output: keys, label, a probability per class."`
	Classes    []string           `json:"classes" nullable:"false"`
	Decision   *model.Decision    `json:"decision,omitempty" doc:"How labels were decided between two classes. Absent if a label is the most probable class."`
	Rows       int64              `json:"rows" doc:"Number of results."`
	BadRows    int64              `json:"bad_rows" doc:"Rows that have no result. The file of errors says why."`
	Failed     int64              `json:"failed" deprecated:"true" doc:"The older name of bad_rows."`
	Unseen     int64              `json:"unseen,omitempty" doc:"Texts in the scored rows that training did not see in their column."`
	Missing    int64              `json:"missing,omitempty" doc:"Missing values in the scored rows."`
	Parts      []BatchPart        `json:"parts" nullable:"false" doc:"Pieces of the results, in the order of the rows."`
	StartedAt  time.Time          `json:"started_at"`
	FinishedAt time.Time          `json:"finished_at"`
	Timings    workflows.Timings  `json:"timings"`
	Links      BatchManifestLinks `json:"links"`
}

// BatchPart is a piece of the results.
type BatchPart struct {
	First   int64 `json:"first" doc:"Index of its first row in the results."`
	Rows    int64 `json:"rows"`
	BadRows int64 `json:"bad_rows,omitempty"`
	Failed  int64 `json:"failed,omitempty" deprecated:"true" doc:"The older name of bad_rows."`
	Bytes   int64 `json:"bytes"`
}

// BatchManifestLinks are routes of this API.
type BatchManifestLinks struct {
	Rows   string `json:"rows" doc:"The results page by page."`
	Output string `json:"output,omitempty" doc:"The results as one file."`
	Errors string `json:"errors,omitempty" doc:"The bad rows as CSV. Absent if every row is good."`
	Links  string `json:"links" doc:"URLs of the same files in the object store."`
}

// manifest reads the manifest of a batch, nil if it has none yet. The manifest outlives the workflow.
func (bs *batches) manifest(ctx context.Context, modelName, escaped string) (*workflows.Manifest, error) {
	id, err := taskID(escaped)
	if err != nil {
		return nil, err
	}
	m := new(workflows.Manifest)
	err = bs.store.GetJSON(ctx, bs.bucket, objstore.BatchManifestKey(id), m)
	switch {
	case err == nil && m.Model == modelName:
		return m, nil
	case err == nil:
		return nil, problem.NotFound("there is no batch %q of model %s", problem.Clip(id), problem.Clip(modelName))
	case errors.Is(err, objstore.ErrNotExist):
		return nil, nil //nolint:nilnil // a batch that is running is not an error
	}
	return nil, fmt.Errorf("read the manifest of %s: %w", problem.Clip(id), err)
}

// find returns the manifest of the batch that a route names, or the task of a batch without one.
func (bs *batches) find(r *http.Request) (*workflows.Manifest, Task, error) {
	ctx, name, escaped := r.Context(), bs.models.Name(r), mux.Vars(r)["task_id"]
	m, err := bs.manifest(ctx, name, escaped)
	if m != nil || err != nil {
		return m, Task{}, err
	}
	t, err := bs.tasks.findFor(ctx, escaped, workflows.BatchType, name)
	if err != nil || t.State != workflows.Success && t.State != workflows.Revoked {
		return nil, t, err
	}
	m, err = bs.manifest(ctx, name, escaped) // the batch may have ended after the first look
	if m == nil && err == nil && t.State == workflows.Success {
		err = problem.NotFound("the results of %q are no longer kept", problem.Clip(t.TaskID))
	}
	return m, t, err
}

// findResults returns the manifest of the batch that a route names, or the problem that says why it has none.
func (bs *batches) findResults(r *http.Request) (*workflows.Manifest, error) {
	m, t, err := bs.find(r)
	if m != nil || err != nil {
		return m, err
	}
	id, location := problem.Clip(t.TaskID), batchLocation(bs.models.Name(r), t.TaskID)
	switch t.State {
	case workflows.Failure:
		return nil, problem.NotFound("batch %q failed and has no results: see %s", id, location)
	case workflows.Revoked:
		return nil, problem.NotFound("batch %q was cancelled before there were results", id)
	case workflows.Lost:
		return nil, problem.NotFound("batch %q was lost before there were results", id)
	}
	p := problem.New(http.StatusConflict, fmt.Sprintf("batch %q has not ended: see %s", id, location))
	p.Header = http.Header{"Retry-After": {"1"}}
	return nil, p
}

// getManifest answers with the manifest of a batch.
func (bs *batches) getManifest(w http.ResponseWriter, r *http.Request) error {
	m, err := bs.findResults(r)
	if err != nil {
		return err
	}
	location := batchLocation(m.Model, m.TaskID)
	out := BatchManifest{
		TaskID:     m.TaskID,
		State:      workflows.State(m.State),
		Model:      m.Model,
		Version:    m.Version,
		ModelID:    m.ModelID,
		SHA256:     m.DatasetSHA256,
		Format:     m.Layout.Format,
		Columns:    m.Layout.Columns(),
		Classes:    m.Classes,
		Decision:   m.Decision,
		Rows:       m.Rows,
		BadRows:    m.BadRows,
		Failed:     m.BadRows,
		Unseen:     m.Unseen,
		Missing:    m.Missing,
		Parts:      make([]BatchPart, len(m.Parts)),
		StartedAt:  m.StartedAt,
		FinishedAt: m.FinishedAt,
		Timings:    m.Timings,
		Links:      BatchManifestLinks{Rows: location + "/rows", Links: location + "/links"},
	}
	for i, part := range m.Parts {
		out.Parts[i] = BatchPart{
			First: part.First, Rows: part.Rows, BadRows: part.BadRows, Failed: part.BadRows, Bytes: part.Ref.Size,
		}
	}
	uploaded := m.Input.Bucket == bs.bucket && strings.HasPrefix(m.Input.Key, objstore.BatchesPrefix)
	if !uploaded && m.Input.Key != "" {
		out.Input = m.Input.URI()
	}
	if m.Output.Key != "" {
		out.Links.Output = location + "/output"
	}
	if m.Errors.Key != "" {
		out.Links.Errors = location + "/errors"
	}
	return httpio.WriteJSON(w, http.StatusOK, out)
}

// badRowsHeader says how many rows of a batch have no result.
const badRowsHeader = "Iris-Rows-Failed"

// setBadRowsHeader says in the header how many rows have no result, and where to read why.
func setBadRowsHeader(w http.ResponseWriter, m *workflows.Manifest) {
	w.Header()[badRowsHeader] = []string{strconv.FormatInt(m.BadRows, 10)}
	if m.Errors.Key != "" {
		w.Header().Add("Link", "<"+batchLocation(m.Model, m.TaskID)+`/errors>; rel="errors"`)
	}
}
