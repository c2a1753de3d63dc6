package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// clientTimeout bounds one try of a request to an API.
const clientTimeout = 15 * time.Second

// reply is an answer of an API.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request to an API.
func (w *world) send(
	ctx context.Context,
	api *program,
	method, path string,
	body []byte,
	header http.Header,
) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, api.url+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := w.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	read, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, read}, err
}

// startLimit is how long a client tries to start a task.
const startLimit = 2 * time.Minute

// submit starts a task as a careful client does: with a key, and again, at the APIs in turn, until one of them accepts
// it. It returns the id of each accepted answer.
func (w *world) submit(ctx context.Context, turn int, path, contentType, key string, body []byte) ([]string, error) {
	header := http.Header{"Content-Type": {contentType}, "Idempotency-Key": {`"` + key + `"`}}
	deadline := time.Now().Add(startLimit)
	for {
		api := w.apis[turn%len(w.apis)]
		turn++
		r, err := w.send(ctx, api, http.MethodPost, path, body, header)
		var accepted struct {
			TaskID string `json:"task_id"`
		}
		switch {
		case err == nil && r.status == http.StatusAccepted:
			if err := json.Unmarshal(r.body, &accepted); err != nil {
				return nil, err
			}
			return []string{accepted.TaskID}, nil
		case err == nil && r.status < http.StatusInternalServerError && r.status != http.StatusTooManyRequests &&
			r.status != http.StatusConflict:
			return nil, fmt.Errorf("POST %s: %d %s", path, r.status, r.body)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case time.Now().After(deadline):
			return nil, fmt.Errorf("POST %s was refused for %s: %d %s %w", path, startLimit, r.status, r.body, err)
		}
		pause(ctx, 500*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// taskStatus is what GET /tasks/{id} says.
type taskStatus struct {
	State  string          `json:"state"`
	Stage  string          `json:"stage"`
	Done   int             `json:"done"`
	Error  json.RawMessage `json:"error"`
	Result json.RawMessage `json:"result"`
	Search *struct {
		Done int `json:"done"`
	} `json:"search"`
	ShardsDone int `json:"shards_done"`
}

// ended reports whether the state is final.
func (s taskStatus) ended() bool {
	switch s.State {
	case "SUCCESS", "FAILURE", "REVOKED", "LOST":
		return true
	}
	return false
}

// status asks any API for a task. A nil error with status 0 means that no API could say.
func (w *world) status(ctx context.Context, turn int, id string) (s taskStatus, code int) {
	for i := range w.apis {
		r, err := w.send(ctx, w.apis[(turn+i)%len(w.apis)], http.MethodGet, "/tasks/"+id, nil, nil)
		if err != nil || r.status >= http.StatusInternalServerError {
			continue
		}
		if r.status == http.StatusOK && json.Unmarshal(r.body, &s) != nil {
			return s, 0
		}
		return s, r.status
	}
	return s, 0
}
