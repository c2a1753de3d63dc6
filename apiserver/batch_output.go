package apiserver

import (
	"fmt"
	"net/http"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/workflows"
)

// linkLife is how long a link into the object store is good: long enough to begin a download, and S3 finishes what has
// begun.
const linkLife = time.Hour

// BatchLinks are URLs of the files of a batch in the object store. Whoever has one can read the file.
type BatchLinks struct {
	Output    *FileLink  `json:"output,omitempty" doc:"the results as one file; none when the batch was cancelled"`
	Parts     []FileLink `json:"parts,omitempty" nullable:"false" doc:"of a batch that was cancelled: the results that were finished, in the order of the rows; a CSV has no header"`
	Errors    *FileLink  `json:"errors,omitempty" doc:"the bad rows as CSV, when there were some"`
	ExpiresAt time.Time  `json:"expires_at"`
}

// FileLink is a URL that reads a file without a key of the object store.
type FileLink struct {
	URL       string `json:"url" format:"uri"`
	FileName  string `json:"file_name" example:"batch-iris-4kq2….csv"`
	MediaType string `json:"media_type" example:"text/csv; charset=utf-8"`
	Bytes     int64  `json:"bytes"`
}

// handleBatchOutput streams the results of a batch as one file.
func (s *Server) handleBatchOutput(w http.ResponseWriter, r *http.Request) error {
	m, err := s.finished(r)
	if err != nil {
		return err
	}
	if m.Output.Key == "" {
		return problem.NotFound(
			"batch %q was cancelled: its results are not one file, see %s/rows",
			problem.Clip(m.TaskID),
			batchLocation(m.Model, m.TaskID),
		)
	}
	announceErrors(w, m)
	return outputFile(m).Send(w, r, s.Store)
}

// handleBatchErrors streams what is wrong with the bad rows of a batch.
func (s *Server) handleBatchErrors(w http.ResponseWriter, r *http.Request) error {
	m, err := s.finished(r)
	if err != nil {
		return err
	}
	if m.Errors.Key == "" {
		return problem.NotFound("batch %q has no bad rows", problem.Clip(m.TaskID))
	}
	return errorsFile(m).Send(w, r, s.Store)
}

// handleBatchLinks answers where a client that reaches the object store itself may read the files.
func (s *Server) handleBatchLinks(w http.ResponseWriter, r *http.Request) error {
	m, err := s.finished(r)
	if err != nil {
		return err
	}
	out := BatchLinks{ExpiresAt: time.Now().UTC().Add(linkLife).Truncate(time.Second)}
	if m.Output.Key != "" {
		if out.Output, err = s.linkTo(r, outputFile(m)); err != nil {
			return err
		}
	} else if out.Parts, err = s.linksToParts(r, m); err != nil {
		return err
	}
	if m.Errors.Key != "" {
		if out.Errors, err = s.linkTo(r, errorsFile(m)); err != nil {
			return err
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpio.WriteJSON(w, http.StatusOK, out)
}

func (s *Server) linksToParts(r *http.Request, m *workflows.Manifest) ([]FileLink, error) {
	format := m.Layout.Format
	links := make([]FileLink, 0, len(m.Parts))
	for _, part := range m.Parts {
		if part.Rows == 0 {
			continue
		}
		name := fmt.Sprintf("%s.part-%05d.%s", m.TaskID, part.Shard, format.Extension())
		link, err := s.linkTo(r, batchFile(m, part.Ref, name, format.MediaType()))
		if err != nil {
			return nil, err
		}
		links = append(links, *link)
	}
	return links, nil
}

func (s *Server) linkTo(r *http.Request, f httpio.Download) (*FileLink, error) {
	url, err := s.Store.Link(
		r.Context(),
		f.Ref,
		objstore.Download{FileName: f.Name, MediaType: f.MediaType, For: linkLife},
	)
	if err != nil {
		return nil, err
	}
	return &FileLink{URL: url, FileName: f.Name, MediaType: f.MediaType, Bytes: f.Ref.Size}, nil
}
