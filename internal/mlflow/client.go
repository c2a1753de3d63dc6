package mlflow

import (
	"bytes"
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
	// readTimeout bounds a request that reads, repetitions included, so that the API can tell its own client within
	// three seconds that MLflow is down. MLflow needs about 10 ms.
	readTimeout = 2500 * time.Millisecond
	// writeTimeout bounds one that writes, repetitions included. It is long because giving up on a create that MLflow
	// still carries out means to look for the result before it is there.
	writeTimeout = 30 * time.Second
	// dialTimeout is for a host that swallows packets; a refused connection fails at once.
	dialTimeout = time.Second
	// attempts is how often a request that may be repeated is sent.
	attempts = 3
	// retryWait is the time before the first repetition; before the second it is twice as long.
	retryWait = 50 * time.Millisecond
	// maxAnswer bounds the memory for one answer. A page of 1,000 models with their newest versions is about 2 MB.
	maxAnswer = 64 << 20
)

// Options says which MLflow to use.
type Options struct {
	URL  string       // http(s)://[user:password@]host:port, with the path under which a proxy serves MLflow, if any
	HTTP *http.Client // optional, for another transport; its Timeout should be zero
}

// Client is a client of one MLflow server. Its methods may be called from any number of goroutines.
type Client struct {
	base *url.URL // without a slash at the end
	err  error    // what is wrong with Options.URL; every request returns it
	http *http.Client
}

// New returns a client. It does not connect: Check does, and says when the URL is none.
func New(o Options) *Client {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Transport: newTransport()}
	}
	base, err := parseURL(o.URL)
	return &Client{base: base, err: err, http: o.HTTP}
}

func parseURL(address string) (*url.URL, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return &url.URL{}, errors.New("the URL of MLflow is none: want http(s)://host:port") // it may hold a password
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

// Check reports whether MLflow serves us. It reads from the registry because MLflow's own /health answers also when the
// database is gone, or when every other request is refused for its Host header.
func (c *Client) Check(ctx context.Context) error {
	return c.read(ctx, "check MLflow", "mlflow/registered-models/search", url.Values{"max_results": {"1"}}, nil)
}

// request is one call of the REST API.
type request struct {
	doing   string // what for, in errors
	method  string
	path    string // escaped, below apiRoute
	query   url.Values
	body    any // sent as JSON unless nil
	repeat  bool
	timeout time.Duration
}

// read gets something.
func (c *Client) read(ctx context.Context, doing, path string, query url.Values, answer any) error {
	return c.call(
		ctx,
		request{doing: doing, method: http.MethodGet, path: path, query: query, repeat: true, timeout: readTimeout},
		answer,
	)
}

// search gets something by POST.
func (c *Client) search(ctx context.Context, doing, path string, body, answer any) error {
	return c.call(
		ctx,
		request{doing: doing, method: http.MethodPost, path: path, body: body, repeat: true, timeout: readTimeout},
		answer,
	)
}

// set writes something that is the same when it is written twice.
func (c *Client) set(ctx context.Context, doing, method, path string, body any) error {
	return c.call(
		ctx,
		request{doing: doing, method: method, path: path, body: body, repeat: true, timeout: writeTimeout},
		nil,
	)
}

// create writes something that would be there twice when it were written twice.
func (c *Client) create(ctx context.Context, doing, path string, body, answer any) error {
	return c.call(
		ctx,
		request{doing: doing, method: http.MethodPost, path: path, body: body, timeout: writeTimeout},
		answer,
	)
}

// apiRoute is where the two APIs are that we use: mlflow/ and mlflow-artifacts/.
const apiRoute = "/api/2.0/"

// call makes a request, again where that is safe, and decodes the answer unless it is nil.
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
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, r, body, answer)
		if err == nil {
			return nil
		}
		if !r.repeat || attempt == attempts || !errors.Is(err, ErrUnavailable) {
			return fmt.Errorf("%s: %w", r.doing, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", r.doing, err)
		case <-time.After(time.Duration(attempt) * retryWait):
		}
	}
}

func (c *Client) once(ctx context.Context, r request, body []byte, answer any) error {
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
		return fmt.Errorf("the answer is not MLflow's: %w", err)
	}
	return nil
}

// send makes a request and returns the answer if it is a success, to be closed by the caller.
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
	// What cannot be read of an error is no error of its own.
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return nil, newError(response.StatusCode, response.Header.Get("Content-Type"), body)
}

// url returns the address of an absolute path, which is escaped.
func (c *Client) url(path string) *url.URL {
	u := *c.base
	u.RawPath = c.base.EscapedPath() + path
	u.Path, _ = url.PathUnescape(u.RawPath) // what was escaped can be unescaped
	return &u
}

// pages calls fetch with the token of each page, starting with an empty one, until there is no next page.
func pages(fetch func(token string) (next string, err error)) error {
	token := ""
	for {
		next, err := fetch(token)
		if err != nil || next == "" {
			return err
		}
		if next == token {
			return errors.New("MLflow's pages do not end: the next page is the same one")
		}
		token = next
	}
}
