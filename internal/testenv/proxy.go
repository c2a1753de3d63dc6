package testenv

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"iris/internal/mlflow"
	"iris/internal/objstore"
)

// Fate is what a Proxy does with a request.
type Fate int

// The fates of a request.
const (
	Pass    Fate = iota
	Refuse       // 503; the server never sees the request
	Missing      // MLflow's 404; the server never sees the request
	Cut          // the server acts on the request, and the connection ends before the answer
	Late         // the connection ends at once, and the server acts on the request at the next Release
	Hold         // the server acts on the request at the next Release; the client may wait for the answer
)

// Proxy is a proxy between a client and a real server. It counts requests and makes them fail.
type Proxy struct {
	*httptest.Server

	forward *httputil.ReverseProxy

	mu       sync.Mutex
	decide   func(*http.Request) Fate // nil passes
	requests []string                 // method and path of each, in order
	answer   map[string]func()        // by suffix of the path: called once, before the client gets the answer
	held     []heldRequest            // in order
	holding  chan struct{}            // gets a value for each request that starts to wait for Release
}

// heldRequest is a request that waits for Release.
type heldRequest struct {
	request *http.Request
	answer  chan *httptest.ResponseRecorder // has room for one
}

// proxiedAttempts is how often a client behind a proxy sends a request. The default would wait seconds for a proxy that
// refuses all.
const proxiedAttempts = 3

// MLflowProxy returns a proxy of the real MLflow and a client that uses the proxy.
func MLflowProxy(t testing.TB) (*Proxy, *mlflow.Client) {
	t.Helper()
	p := newProxy(t, All(t).MLflow, false)
	return p, mlflow.New(mlflow.Options{URL: p.URL, WriteAttempts: proxiedAttempts})
}

// S3Proxy returns a proxy of the real MinIO and a store that uses the proxy.
func S3Proxy(t testing.TB) (*Proxy, *objstore.Store) {
	t.Helper()
	a := All(t)
	p := newProxy(t, "http://"+strings.TrimPrefix(a.S3, "http://"), true)
	store, err := objstore.New(
		objstore.Options{Endpoint: p.URL, AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey},
	)
	if err != nil {
		t.Fatal(err)
	}
	return p, store
}

// newProxy returns a proxy of a server. S3 must see the Host header that its client signed, MLflow must see its own.
func newProxy(t testing.TB, target string, keepHost bool) *Proxy {
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
	p := &Proxy{forward: forward, answer: map[string]func(){}, holding: make(chan struct{}, 100)}
	forward.ModifyResponse = func(r *http.Response) error {
		p.answered(r.Request.URL.Path)
		return nil
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p.take(r) {
		case Refuse:
			http.Error(w, "out for lunch", http.StatusServiceUnavailable)
		case Missing:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"}`)
		case Cut:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case Late:
			p.hold(r)
			panic(http.ErrAbortHandler)
		case Hold:
			select {
			case answer := <-p.hold(r):
				maps.Copy(w.Header(), answer.Header())
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *Proxy) take(r *http.Request) Fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	if p.decide == nil {
		return Pass
	}
	return p.decide(r)
}

// hold keeps a request for Release, and returns where its answer will come.
func (p *Proxy) hold(r *http.Request) <-chan *httptest.ResponseRecorder {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	request := r.Clone(context.WithoutCancel(r.Context())) // the client may leave
	request.Body = io.NopCloser(bytes.NewReader(body))
	held := heldRequest{request: request, answer: make(chan *httptest.ResponseRecorder, 1)}
	p.mu.Lock()
	p.held = append(p.held, held)
	p.mu.Unlock()
	p.holding <- struct{}{}
	return held.answer
}

// Holding returns a channel with one value for each request that has started to wait for Release.
func (p *Proxy) Holding() <-chan struct{} { return p.holding }

// Release sends the requests that wait to the server, in order, and returns after it has answered the last one.
func (p *Proxy) Release() {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	for _, h := range held {
		answer := httptest.NewRecorder()
		p.forward.ServeHTTP(answer, h.request)
		h.answer <- answer
	}
}

// OnAnswer calls f once, when the server has answered the next request whose path has the suffix and before the client
// gets the answer.
func (p *Proxy) OnAnswer(suffix string, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer[suffix] = f
}

func (p *Proxy) answered(path string) {
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

// Decide sets the fate of every request from now on; nil passes all. The proxy calls decide for one request at a time.
func (p *Proxy) Decide(decide func(*http.Request) Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

// All gives every request from now on the same fate.
func (p *Proxy) All(f Fate) { p.Decide(func(*http.Request) Fate { return f }) }

// RefuseIf refuses the requests from now on that match, and passes the others.
func (p *Proxy) RefuseIf(match func(*http.Request) bool) {
	p.Decide(func(r *http.Request) Fate {
		if match(r) {
			return Refuse
		}
		return Pass
	})
}

// Drain returns the method and path of each request since the last Drain.
func (p *Proxy) Drain() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := p.requests
	p.requests = nil
	return requests
}

// IsList reports whether an S3 request lists objects.
func IsList(r *http.Request) bool { return r.URL.Query().Has("list-type") }

// CountRequests returns how many of the drained requests have the method and a path with the suffix.
func CountRequests(requests []string, method, suffix string) int {
	n := 0
	for _, r := range requests {
		if strings.HasPrefix(r, method+" ") && strings.HasSuffix(r, suffix) {
			n++
		}
	}
	return n
}
