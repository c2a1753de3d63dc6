package mlflow_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"iris/internal/mlflow"
)

// reply is a response of a script. Status 0 closes the connection.
type reply struct {
	status int
	body   string
}

// script is a server with prepared responses. It is for failures, which a real server does not have on demand.
type script struct {
	client *mlflow.Client

	mu       sync.Mutex
	replies  map[string][]reply
	requests map[string][]sent
}

// sent is a request that a script received.
type sent struct {
	header http.Header
	query  map[string][]string
	body   string
}

// newScript returns a server that answers each request, named by method and path as in "GET runs/get", with the next of
// its replies, and repeats the last one. It answers other requests with {}.
func newScript(t *testing.T, replies map[string][]reply) *script {
	t.Helper()
	s := &script{replies: replies, requests: map[string][]sent{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.client = mlflow.New(mlflow.Options{URL: server.URL, WriteAttempts: 3}) // the default takes seconds
	return s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	name := r.Method + " " + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/2.0/"), "mlflow/")
	answer := s.take(name, sent{r.Header, r.URL.Query(), string(body)})
	if answer.status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

func (s *script) take(name string, request sent) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[name] = append(s.requests[name], request)
	replies := s.replies[name]
	switch len(replies) {
	case 0:
		return reply{http.StatusOK, "{}"}
	case 1:
		return replies[0]
	}
	s.replies[name] = replies[1:]
	return replies[0]
}

func (s *script) received(name string) []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[name]
}

func (s *script) count(name string) int { return len(s.received(name)) }

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}
