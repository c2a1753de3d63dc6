package apiserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/objstore"
	"iris/internal/scores"
	"iris/workflows"
)

// linkLife is how long a link into the object store is valid. A download must begin within it; S3 finishes what has
// begun.
const linkLife = time.Hour

// BatchLinks are URLs of the files of a batch in the object store. Whoever has a URL can read the file.
type BatchLinks struct {
	Output    *FileLink  `json:"output,omitempty" doc:"The results as one file. Absent if the batch was cancelled."`
	Parts     []FileLink `json:"parts,omitempty" nullable:"false" doc:"Of a cancelled batch: the results that were finished, in the order of the rows. A CSV has no header."`
	Errors    *FileLink  `json:"errors,omitempty" doc:"The bad rows as CSV. Absent if every row is good."`
	ExpiresAt time.Time  `json:"expires_at"`
}

// FileLink is a URL that reads a file without a key of the object store.
type FileLink struct {
	URL       string `json:"url" format:"uri"`
	FileName  string `json:"file_name" example:"batch-iris-4kq2….csv"`
	MediaType string `json:"media_type" example:"text/csv; charset=utf-8"`
	Bytes     int64  `json:"bytes"`
}

// getOutput streams the results of a batch as one file.
func (bs *batches) getOutput(w http.ResponseWriter, r *http.Request) error {
	m, err := bs.findResults(r)
	if err != nil {
		return err
	}
	if m.Output.Key == "" {
		return problem.NotFound("batch %q was cancelled: its results are not one file, see %s/rows",
			problem.Clip(m.TaskID), batchLocation(m.Model, m.TaskID))
	}
	setBadRowsHeader(w, m)
	return outputFile(m).Send(w, r, bs.store)
}

// getErrors streams a CSV that says what is wrong with the bad rows of a batch.
func (bs *batches) getErrors(w http.ResponseWriter, r *http.Request) error {
	m, err := bs.findResults(r)
	if err != nil {
		return err
	}
	if m.Errors.Key == "" {
		return problem.NotFound("batch %q has no bad rows", problem.Clip(m.TaskID))
	}
	return errorsFile(m).Send(w, r, bs.store)
}

// getLinks answers with URLs for a client that reads the files from the object store itself.
func (bs *batches) getLinks(w http.ResponseWriter, r *http.Request) error {
	m, err := bs.findResults(r)
	if err != nil {
		return err
	}
	out := BatchLinks{ExpiresAt: time.Now().UTC().Add(linkLife).Truncate(time.Second)}
	if m.Output.Key != "" {
		if out.Output, err = bs.linkTo(r, outputFile(m)); err != nil {
			return err
		}
	} else if out.Parts, err = bs.linksToParts(r, m); err != nil {
		return err
	}
	if m.Errors.Key != "" {
		if out.Errors, err = bs.linkTo(r, errorsFile(m)); err != nil {
			return err
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpio.WriteJSON(w, http.StatusOK, out)
}

func (bs *batches) linksToParts(r *http.Request, m *workflows.Manifest) ([]FileLink, error) {
	format := m.Layout.Format
	links := make([]FileLink, 0, len(m.Parts))
	for _, part := range m.Parts {
		if part.Rows == 0 {
			continue
		}
		name := fmt.Sprintf("%s.part-%05d.%s", m.TaskID, part.Shard, format.Extension())
		link, err := bs.linkTo(r, batchFile(m, part.Ref, name, format.MediaType()))
		if err != nil {
			return nil, err
		}
		links = append(links, *link)
	}
	return links, nil
}

func (bs *batches) linkTo(r *http.Request, d httpio.Download) (*FileLink, error) {
	link := objstore.Download{FileName: d.Name, MediaType: d.MediaType, For: linkLife}
	url, err := bs.store.Link(r.Context(), d.Ref, link)
	if err != nil {
		return nil, err
	}
	return &FileLink{URL: url, FileName: d.Name, MediaType: d.MediaType, Bytes: d.Ref.Size}, nil
}

// outputFile returns the results of a batch as a download.
func outputFile(m *workflows.Manifest) httpio.Download {
	return batchFile(m, m.Output, m.TaskID+"."+m.Layout.Format.Extension(), m.Layout.Format.MediaType())
}

// errorsFile returns the bad rows of a batch as a download.
func errorsFile(m *workflows.Manifest) httpio.Download {
	return batchFile(m, m.Errors, m.TaskID+".errors.csv", scores.CSV.MediaType())
}

// batchFile returns an object that a batch has written as a download. Objects of a manifest never change. If a task id
// is used again, its manifest has another time.
func batchFile(m *workflows.Manifest, ref objstore.Ref, name, mediaType string) httpio.Download {
	version := ref.SHA256
	if version == "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", ref.URI(), ref.Size, m.FinishedAt.UnixNano()))
		version = hex.EncodeToString(sum[:16])
	}
	return httpio.Download{Ref: ref, Name: name, MediaType: mediaType, Version: version, Changed: m.FinishedAt}
}
