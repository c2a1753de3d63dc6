package apiserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"iris/workflows"
)

// BatchManifest is what a batch that has ended consists of.
type BatchManifest struct {
	TaskID     string             `json:"task_id"`
	State      workflows.State    `json:"state" enum:"SUCCESS,REVOKED" doc:"REVOKED: it was cancelled, and this is what was finished by then"`
	Model      string             `json:"model" example:"iris"`
	Version    string             `json:"version" example:"3"`
	ModelID    string             `json:"model_id" example:"models:/iris/3"`
	Input      string             `json:"input,omitempty" doc:"the data_path, when there was one"`
	SHA256     string             `json:"dataset_sha256,omitempty" doc:"of the input; of a prefix, of the list of its objects"`
	Format     scores.Format      `json:"format" enum:"csv,jsonl,parquet" doc:"of the output"`
	Columns    []string           `json:"columns" nullable:"false" doc:"of the output: keys, label, a probability per class"`
	Classes    []string           `json:"classes" nullable:"false"`
	Rows       int64              `json:"rows" doc:"that were scored"`
	Failed     int64              `json:"failed" doc:"rows that are bad: they are in the errors, and nowhere else"`
	Parts      []BatchPart        `json:"parts" nullable:"false" doc:"of the results, in the order of the rows"`
	StartedAt  time.Time          `json:"started_at"`
	FinishedAt time.Time          `json:"finished_at"`
	Timings    workflows.Timings  `json:"timings"`
	Links      BatchManifestLinks `json:"links"`
}

// BatchPart is a piece of the results.
type BatchPart struct {
	First  int64 `json:"first" doc:"index of its first row among the results"`
	Rows   int64 `json:"rows"`
	Failed int64 `json:"failed,omitempty"`
	Bytes  int64 `json:"bytes"`
}

// BatchManifestLinks are routes of this API.
type BatchManifestLinks struct {
	Rows   string `json:"rows" doc:"the results page by page"`
	Output string `json:"output,omitempty" doc:"the results as one file"`
	Errors string `json:"errors,omitempty" doc:"the bad rows as CSV, when there were some"`
	Links  string `json:"links" doc:"URLs of the same files in the object store"`
}

// manifest reads what a batch has left behind, nil when that is nothing yet. It outlives the workflow.
func (s *Server) manifest(ctx context.Context, modelName, escaped string) (*workflows.Manifest, error) {
	id, err := taskID(escaped)
	if err != nil {
		return nil, err
	}
	m := new(workflows.Manifest)
	err = s.Store.GetJSON(ctx, s.Bucket, objstore.BatchManifestKey(id), m)
	switch {
	case err == nil && m.Model == modelName:
		return m, nil
	case err == nil:
		return nil, problem.NotFound("there is no batch %q of model %s", problem.Clip(id), problem.Clip(modelName))
	case errors.Is(err, objstore.ErrNotExist):
		return nil, nil //nolint:nilnil // that it is not there yet is no error
	}
	return nil, fmt.Errorf("read the manifest of %s: %w", problem.Clip(id), err)
}

// batch returns the manifest of the batch that a route names, or the task of one that has none.
func (s *Server) batch(r *http.Request) (*workflows.Manifest, Task, error) {
	ctx, name, escaped := r.Context(), s.serving.Name(r), mux.Vars(r)["task_id"]
	m, err := s.manifest(ctx, name, escaped)
	if m != nil || err != nil {
		return m, Task{}, err
	}
	t, err := s.taskOf(ctx, escaped, workflows.BatchType, name)
	if err != nil || t.State != workflows.Success && t.State != workflows.Revoked {
		return nil, t, err
	}
	m, err = s.manifest(ctx, name, escaped) // it may have ended since the first look
	if m == nil && err == nil && t.State == workflows.Success {
		err = problem.NotFound("the results of %q are no longer kept", problem.Clip(t.TaskID))
	}
	return m, t, err
}

// finished is the manifest of the batch that a route names, or the answer that says why there is none.
func (s *Server) finished(r *http.Request) (*workflows.Manifest, error) {
	m, t, err := s.batch(r)
	if m != nil || err != nil {
		return m, err
	}
	name := s.serving.Name(r)
	switch t.State {
	case workflows.Failure:
		return nil, problem.NotFound(
			"batch %q failed and has no results: see %s",
			problem.Clip(t.TaskID),
			batchLocation(name, t.TaskID),
		)
	case workflows.Revoked:
		return nil, problem.NotFound("batch %q was cancelled before there were results", problem.Clip(t.TaskID))
	}
	p := problem.New(
		http.StatusConflict,
		fmt.Sprintf("batch %q has not ended: see %s", problem.Clip(t.TaskID), batchLocation(name, t.TaskID)),
	)
	p.Header = http.Header{"Retry-After": {"1"}}
	return nil, p
}

// handleBatchManifest answers what a batch consists of.
func (s *Server) handleBatchManifest(w http.ResponseWriter, r *http.Request) error {
	m, err := s.finished(r)
	if err != nil {
		return err
	}
	at := batchLocation(m.Model, m.TaskID)
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
		Rows:       m.Rows,
		Failed:     m.Failed,
		Parts:      make([]BatchPart, len(m.Parts)),
		StartedAt:  m.StartedAt,
		FinishedAt: m.FinishedAt,
		Timings:    m.Timings,
		Links:      BatchManifestLinks{Rows: at + "/rows", Links: at + "/links"},
	}
	for i, part := range m.Parts {
		out.Parts[i] = BatchPart{First: part.First, Rows: part.Rows, Failed: part.Failed, Bytes: part.Ref.Size}
	}
	if ours := m.Input.Bucket == s.Bucket &&
		strings.HasPrefix(m.Input.Key, objstore.BatchesPrefix); !ours &&
		m.Input.Key != "" {
		out.Input = m.Input.URI()
	}
	if m.Output.Key != "" {
		out.Links.Output = at + "/output"
	}
	if m.Errors.Key != "" {
		out.Links.Errors = at + "/errors"
	}
	return httpio.WriteJSON(w, http.StatusOK, out)
}

// failedHeader says how many rows of a batch are not among its results.
const failedHeader = "Iris-Rows-Failed"

// announceErrors says in the header of an answer that some rows have no results, and where to read about them.
func announceErrors(w http.ResponseWriter, m *workflows.Manifest) {
	w.Header()[failedHeader] = []string{strconv.FormatInt(m.Failed, 10)}
	if m.Errors.Key != "" {
		w.Header().Add("Link", "<"+batchLocation(m.Model, m.TaskID)+`/errors>; rel="errors"`)
	}
}

// outputFile is the results of a batch as a file.
func outputFile(m *workflows.Manifest) httpio.Download {
	return batchFile(m, m.Output, m.TaskID+"."+m.Layout.Format.Extension(), m.Layout.Format.MediaType())
}

// errorsFile is the bad rows of a batch as a file.
func errorsFile(m *workflows.Manifest) httpio.Download {
	return batchFile(m, m.Errors, m.TaskID+".errors.csv", scores.CSV.MediaType())
}

// batchFile is an object that a batch has written. A manifest is written once, so what it names does not change; an id
// that is
// used again has another time.
func batchFile(m *workflows.Manifest, ref objstore.Ref, name, mediaType string) httpio.Download {
	version := ref.SHA256
	if version == "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", ref.URI(), ref.Size, m.FinishedAt.UnixNano()))
		version = hex.EncodeToString(sum[:16])
	}
	return httpio.Download{Ref: ref, Name: name, MediaType: mediaType, Version: version, Changed: m.FinishedAt}
}
