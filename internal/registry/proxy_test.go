package registry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// fate is what becomes of a request.
type fate int

const (
	pass    fate = iota
	refuse       // 503, and the server never sees it
	missing      // MLflow's 404, and the server never sees it
	cut          // the server acts on it, and the connection ends before the answer
)

// proxy stands between a client and a real server.
type proxy struct {
	*httptest.Server

	mu       sync.Mutex
	decide   func(*http.Request) fate // nil = pass
	requests []string                 // method and path of each, in order
	answer   map[string]func()        // by the end of a path: called once, when the server has answered and the client waits
}

// newProxy returns a proxy in front of a server. S3 must see the Host header that its client signed, MLflow its own.
func newProxy(t *testing.T, target string, keepHost bool) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		if keepHost {
			r.Out.Host = r.In.Host
		}
	}}
	p := &proxy{answer: map[string]func(){}}
	forward.ModifyResponse = func(r *http.Response) error {
		p.answered(r.Request.URL.Path)
		return nil
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p.take(r) {
		case refuse:
			http.Error(w, "out for lunch", http.StatusServiceUnavailable)
		case missing:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"}`)
		case cut:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) take(r *http.Request) fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	if p.decide == nil {
		return pass
	}
	return p.decide(r)
}

// onAnswer calls f once, with the next answer to a request whose path ends so, before the client gets it.
func (p *proxy) onAnswer(suffix string, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer[suffix] = f
}

func (p *proxy) answered(path string) {
	p.mu.Lock()
	var found func()
	for suffix, f := range p.answer {
		if strings.HasSuffix(path, suffix) {
			found = f
			delete(p.answer, suffix)
		}
	}
	p.mu.Unlock()
	if found != nil {
		found()
	}
}

// on sets what becomes of the requests from now on.
func (p *proxy) on(decide func(*http.Request) fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

// always is a decide for on.
func always(f fate) func(*http.Request) fate {
	return func(*http.Request) fate { return f }
}

// changing reports whether a request changes something on the server. Searches that MLflow takes by POST do not.
func changing(r *http.Request) bool {
	return r.Method != http.MethodGet && r.URL.Path != "/api/2.0/mlflow/logged-models/search" &&
		r.URL.Path != "/api/2.0/mlflow/runs/search"
}

// drain returns the requests since the last drain.
func (p *proxy) drain() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := p.requests
	p.requests = nil
	return requests
}
