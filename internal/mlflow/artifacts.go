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

// artifactTimeout bounds an upload, and the wait for a download to begin: MLflow fetches all of an artifact from its
// store before it sends the first byte. Artifacts are models and pictures, not data.
const artifactTimeout = 2 * time.Minute

const (
	artifactScheme = "mlflow-artifacts"
	artifactRoute  = "mlflow-artifacts/artifacts"
)

// PutArtifact stores a file under the artifact URI of a run or a logged model. The name may have folders, but no #. An
// artifact
// that is there is replaced. Size is -1 when it is not known; a reader of another size is an error.
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
		req.Body = http.NoBody // 0 means not known
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

// source passes a caller's reader on until it is detached: net/http may go on reading after it has an answer. It keeps
// the error of the reader, which net/http takes for one of the connection.
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

// detach returns the error of the reader when nobody reads it any more.
func (s *source) detach() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r = nil
	return s.err
}

// GetArtifact opens a file under the artifact URI of a run or a logged model. A missing one is ErrNotExist. The caller
// closes the reader, and ctx must live until then.
func (c *Client) GetArtifact(ctx context.Context, uri, name string) (io.ReadCloser, error) {
	doing := "get artifact " + name
	file, err := artifactPath(uri, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	body, err := c.open(ctx, file)
	if errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
		// For a file that is missing in S3 MLflow has the same 500 as for an S3 that is down.
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

// artifact is a file being read; a connection that breaks is ErrUnavailable.
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

// artifactPath returns where a file lies behind MLflow's proxy, not escaped.
func artifactPath(uri, name string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != artifactScheme {
		return "", fmt.Errorf(
			"the artifacts at %q are not behind MLflow: it must run with --artifacts-destination, not with a default root",
			uri,
		)
	}
	if !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("%q is not a name of an artifact", name)
	}
	return strings.Trim(u.Path, "/") + "/" + name, nil
}
