package mlflow

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// readTimeout bounds a request that reads, including repetitions, so that the API can tell its own client within
	// three seconds that MLflow is down. MLflow takes about 10 ms.
	readTimeout = 2500 * time.Millisecond
	// writeTimeout bounds a request that writes, including repetitions. It is long because a caller that gives up while
	// MLflow still creates something looks for the result before it exists.
	writeTimeout = 30 * time.Second
	// dialTimeout is for a host that drops packets. A refused connection fails immediately.
	dialTimeout = time.Second
	// readAttempts bounds how often a request that reads is sent. The caller may be a client of the API, which wants to
	// know soon that MLflow is down.
	readAttempts = 3
	// writeAttempts bounds how often a request that writes is sent, if it may be repeated. With the waits below, a write
	// survives an MLflow that answers again within four seconds. A longer outage is for the caller to wait for.
	writeAttempts = 9
	// retryWait is the time before the first repetition. Each later one comes after twice the time, up to maxRetryWait.
	retryWait    = 50 * time.Millisecond
	maxRetryWait = time.Second
	// maxAnswer bounds the memory for one answer. A page of 1,000 versions has about 2 MB.
	maxAnswer = 64 << 20
)

// Options says which MLflow server to use.
type Options struct {
	URL  string       // http(s)://[user:password@]host:port, plus the path under which a proxy serves MLflow, if any
	HTTP *http.Client // optional, for another transport; its Timeout should be zero
	// WriteAttempts is how often a request that writes is sent, if it may be repeated; 9 when zero.
	WriteAttempts int
}

// Client is a client of one MLflow server. Several goroutines may use it.
type Client struct {
	base *url.URL // without a trailing slash
	err  error    // if Options.URL is not valid; every request returns it
	http *http.Client

	writeAttempts int
}

// New returns a client. It does not connect. Check does, and reports a URL that is not valid.
func New(o Options) *Client {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Transport: newTransport()}
	}
	base, err := parseURL(o.URL)
	return &Client{base: base, err: err, http: o.HTTP, writeAttempts: cmp.Or(o.WriteAttempts, writeAttempts)}
}

func parseURL(address string) (*url.URL, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return &url.URL{}, errors.New("the URL of MLflow is not valid: want http(s)://host:port") // it may contain a password
	}
	return &url.URL{Scheme: base.Scheme, User: base.User, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     time.Minute,
	}
}

// Check reports whether MLflow serves requests. It reads from the registry because MLflow's own /health succeeds even
// if the database is down, or if MLflow refuses every other request for its Host header.
func (c *Client) Check(ctx context.Context) error {
	return c.read(ctx, "check MLflow", "mlflow/registered-models/search", url.Values{"max_results": {"1"}}, nil)
}

// request is one call of the REST API.
type request struct {
	doing    string // starts its errors
	method   string
	path     string // escaped, below apiRoute
	query    url.Values
	body     any // sent as JSON unless nil
	attempts int // how often it may be sent
	timeout  time.Duration
}

// read sends a GET request.
func (c *Client) read(ctx context.Context, doing, path string, query url.Values, answer any) error {
	r := request{
		doing: doing, method: http.MethodGet, path: path, query: query, attempts: readAttempts, timeout: readTimeout,
	}
	return c.call(ctx, r, answer)
}

// search sends a POST request that reads.
func (c *Client) search(ctx context.Context, doing, path string, body, answer any) error {
	r := request{
		doing: doing, method: http.MethodPost, path: path, body: body, attempts: readAttempts, timeout: readTimeout,
	}
	return c.call(ctx, r, answer)
}

// set sends a request that may write twice with the same result.
func (c *Client) set(ctx context.Context, doing, method, path string, body any) error {
	r := request{
		doing: doing, method: method, path: path, body: body, attempts: c.writeAttempts, timeout: writeTimeout,
	}
	return c.call(ctx, r, nil)
}

// create sends a request that would create two things if it were sent twice.
func (c *Client) create(ctx context.Context, doing, path string, body, answer any) error {
	r := request{doing: doing, method: http.MethodPost, path: path, body: body, attempts: 1, timeout: writeTimeout}
	return c.call(ctx, r, answer)
}

// apiRoute is the path of both APIs, mlflow/ and mlflow-artifacts/.
const apiRoute = "/api/2.0/"

// call makes a request, repeats it if that is safe, and decodes the response into answer unless that is nil.
func (c *Client) call(ctx context.Context, r request, answer any) error {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return fmt.Errorf("%s: %w", r.doing, err)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, errNoAnswer)
	defer cancel()
	wait := retryWait
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, r, body, answer)
		if err == nil {
			return nil
		}
		if attempt >= r.attempts || !errors.Is(err, ErrUnavailable) {
			return fmt.Errorf("%s: %w", r.doing, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", r.doing, err)
		case <-time.After(wait):
		}
		wait = min(2*wait, maxRetryWait)
	}
}

func (c *Client) attempt(ctx context.Context, r request, body []byte, answer any) error {
	u := c.url(apiRoute + r.path)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	response, err := c.send(req)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return unanswered(ctx, err)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("%w: %w", ErrNotMLflow, err)
	}
	return nil
}

// send makes a request and returns the response if it is a success. The caller must close its body.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	if c.err != nil {
		return nil, c.err
	}
	response, err := c.http.Do(req)
	if err != nil {
		return nil, unanswered(req.Context(), err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	// A body that cannot be read must not hide the error.
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return nil, newError(response.StatusCode, response.Header.Get("Content-Type"), body)
}

// url returns the address of an absolute, escaped path.
func (c *Client) url(path string) *url.URL {
	u := *c.base
	u.RawPath = c.base.EscapedPath() + path
	u.Path, _ = url.PathUnescape(u.RawPath) // never fails: the path was escaped before
	return &u
}

// pages calls fetch with the token of each page, until there is no next page. The first token is empty.
func pages(fetch func(token string) (next string, err error)) error {
	token := ""
	for {
		next, err := fetch(token)
		if err != nil || next == "" {
			return err
		}
		if next == token {
			return errors.New("MLflow's pages do not end: a page is its own next page")
		}
		token = next
	}
}
