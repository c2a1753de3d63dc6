package mlflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

// artifactTimeout bounds an upload, and the wait for the first byte of a download: MLflow fetches the whole artifact
// from its store before it sends one. Artifacts are models and pictures, not data.
const artifactTimeout = 2 * time.Minute

const (
	artifactScheme = "mlflow-artifacts"
	artifactRoute  = "mlflow-artifacts/artifacts"
)

// PutArtifact stores a file under the artifact URI of a run or a logged model, and replaces an existing one. The name
// may contain folders, but not #. size is -1 if it is not known; a reader of another size is an error.
func (c *Client) PutArtifact(
	ctx context.Context,
	uri, name string,
	body io.Reader,
	size int64,
	contentType string,
) error {
	doing := "put artifact " + name
	file, err := artifactPath(uri, name)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, artifactTimeout, errNoAnswer)
	defer cancel()
	source := &source{r: body}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.artifactURL(file), source)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	req.Header.Set("Content-Type", contentType)
	if req.ContentLength = size; size == 0 {
		req.Body = http.NoBody // net/http takes a length of 0 with another body for unknown
	}
	response, err := c.send(req)
	if err == nil {
		err = response.Body.Close()
	}
	if readErr := source.detach(); readErr != nil {
		err = readErr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// source reads from a caller's reader until it is detached, because net/http may still read after it has an answer. It
// remembers the error of the reader, which net/http reports as one of the connection.
type source struct {
	mu  sync.Mutex
	r   io.Reader
	err error
}

var errDetached = errors.New("the request is over")

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r == nil {
		return 0, errDetached
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// detach waits for a read in progress, makes later ones fail, and returns the error of the reader.
func (s *source) detach() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r = nil
	return s.err
}

// GetArtifact opens a file under the artifact URI of a run or a logged model. A missing file is ErrNotExist. The caller
// must close the reader and keep ctx alive until then.
func (c *Client) GetArtifact(ctx context.Context, uri, name string) (io.ReadCloser, error) {
	doing := "get artifact " + name
	file, err := artifactPath(uri, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	body, err := c.open(ctx, file)
	if errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
		// MLflow answers with the same 500 for a file that is missing in S3 and for an S3 that is down.
		exists, listErr := c.artifactExists(ctx, file)
		switch {
		case listErr == nil && !exists:
			err = ErrNotExist
		case listErr == nil:
			body, err = c.open(ctx, file)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return body, nil
}

func (c *Client) open(ctx context.Context, file string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(artifactTimeout, func() { cancel(errNoAnswer) })
	defer timer.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.artifactURL(file), nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	response, err := c.send(req)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return &artifact{ReadCloser: response.Body, ctx: ctx, cancel: cancel}, nil
}

// artifact is an open file. A connection that breaks during a read is ErrUnavailable.
type artifact struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (a *artifact) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, fmt.Errorf("read artifact: %w", unanswered(a.ctx, err))
}

func (a *artifact) Close() error {
	defer a.cancel(nil)
	return a.ReadCloser.Close()
}

func (c *Client) artifactExists(ctx context.Context, file string) (bool, error) {
	var answer struct {
		Files []struct {
			Path string `json:"path"`
		} `json:"files"`
	}
	err := c.read(ctx, "list artifacts", artifactRoute, url.Values{"path": {path.Dir(file)}}, &answer)
	for _, f := range answer.Files {
		if f.Path == path.Base(file) {
			return true, nil
		}
	}
	return false, err
}

func (c *Client) artifactURL(file string) string {
	return c.url(apiRoute + artifactRoute + (&url.URL{Path: "/" + file}).EscapedPath()).String()
}

// artifactPath returns the path of a file in MLflow's proxy, not escaped.
func artifactPath(uri, name string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != artifactScheme {
		return "", fmt.Errorf("MLflow does not proxy the artifacts at %q: "+
			"start it with --artifacts-destination instead of --default-artifact-root", uri)
	}
	if !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("%q is not a valid artifact name", name)
	}
	return strings.Trim(u.Path, "/") + "/" + name, nil
}
