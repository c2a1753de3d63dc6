package apiserver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/internal/dataset/datasettest"
	"iris/workflows"
)

// zipped compresses s.
func zipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestGzipBodies(t *testing.T) {
	a := newAPI(t)
	const asGzip, asJSON, asCSV = "Content-Encoding: gzip", "Content-Type: application/json", "Content-Type: text/csv"
	t.Run("a prediction", func(t *testing.T) {
		var p serving.Prediction
		a.do(t, "POST", "/iris/predict", zipped(setosa), asGzip, asJSON).json(t, 200, &p)
	})
	t.Run("a batch", func(t *testing.T) {
		got := a.do(t, "POST", "/iris/predict/batch", zipped(twoRows), "Content-Encoding: GZIP", asJSON)
		if got.status != http.StatusAccepted {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a promotion that is refused", func(t *testing.T) {
		a.do(t, "PUT", "/iris/champion", zipped(`{"version":"99"}`), asGzip, asJSON).problem(t, 404)
	})
	t.Run("an upload is the dataset of its plain bytes", func(t *testing.T) {
		id := a.accepted(t, a.do(t, "POST", "/iris/training", zipped(string(datasettest.Iris())), asGzip, asCSV))
		plain := a.accepted(t, a.do(t, "POST", "/iris/training", string(datasettest.Iris()), asCSV))
		if a.inputOf(t, id).DatasetURI != a.inputOf(t, plain).DatasetURI {
			t.Error("two datasets of the same bytes")
		}
	})
	t.Run("explicitly plain", func(t *testing.T) {
		var p serving.Prediction
		a.do(t, "POST", "/iris/predict", setosa, "Content-Encoding: identity").json(t, 200, &p)
	})
	t.Run("not gzip", func(t *testing.T) {
		a.do(t, "POST", "/iris/predict", setosa, asGzip).problem(t, 400, "gzip")
	})
	t.Run("damaged gzip", func(t *testing.T) {
		damaged := zipped(setosa)
		damaged[len(damaged)-5] ^= 1
		a.do(t, "POST", "/iris/predict", damaged, asGzip).problem(t, 400, "damaged")
		a.do(t, "PUT", "/iris/champion", damaged, asGzip).problem(t, 400, "damaged")
		a.do(t, "POST", "/iris/predict", zipped(setosa)[:40], asGzip).problem(t, 400, "early")
	})
	t.Run("a bomb", func(t *testing.T) {
		a.do(t, "POST", "/iris/predict", zipped(strings.Repeat(" ", httpio.MaxSmall+1)), asGzip).problem(t, 413)
	})
	t.Run("another coding", func(t *testing.T) {
		got := a.do(t, "POST", "/iris/predict", setosa, "Content-Encoding: br")
		got.problem(t, http.StatusUnsupportedMediaType, "br")
		if got.header.Get("Accept-Encoding") != "gzip, deflate" {
			t.Errorf("Accept-Encoding %q", got.header.Get("Accept-Encoding"))
		}
	})
}

func TestRequestIDs(t *testing.T) {
	a := newAPI(t)
	id := func(sent string) string {
		return a.do(t, "GET", "/healthz", nil, httpio.RequestIDHeader+": "+sent).header.Get(httpio.RequestIDHeader)
	}
	if got := id("trace-42.a:b_c"); got != "trace-42.a:b_c" {
		t.Errorf("the id that was sent became %q", got)
	}
	one, two := id(""), id("")
	if one == two || one == "" {
		t.Errorf("ids %q and %q", one, two)
	}
	for _, bad := range []string{"two words", "quote\"", strings.Repeat("x", 65)} {
		if got := id(bad); got == bad {
			t.Errorf("%q went into the log", bad)
		}
	}
}

func TestRecover(t *testing.T) {
	a := newAPI(t)
	a.router.Path("/panic/{when}").HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "late") {
			w.WriteHeader(200)
			_, _ = io.WriteString(w, strings.Repeat("half of it ", 1000))
		}
		panic("a bug: secret")
	})
	p := a.do(t, "GET", "/panic/early", nil, "X-Request-Id: panicking").problem(t, 500)
	if strings.Contains(p.Detail, "secret") {
		t.Errorf("detail %q", p.Detail)
	}
	if log := a.log.String(); !strings.Contains(log, "secret") || !strings.Contains(log, "request_id=panicking") ||
		!strings.Contains(log, "httpio_test.go") {
		t.Errorf("the log lacks the panic, its request or its stack: %s", log)
	}
	response, err := http.Get(a.url + "/panic/late")
	if err == nil {
		defer response.Body.Close()
		_, err = io.ReadAll(response.Body)
	}
	if err == nil {
		t.Error("half an answer was not cut off")
	}
}

// stalled is the body of a client that stops sending: after what was sent, the deadline of the connection passes.
type stalled struct{ sent io.Reader }

func (s stalled) Read(p []byte) (int, error) {
	if n, err := s.sent.Read(p); err == nil {
		return n, nil
	}
	return 0, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
}

func TestExchange_bodyThatStandsStill(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	for path, contentType := range map[string]string{
		"/iris/predict": "application/json", "/iris/training": "text/csv", "/iris/champion": "application/json",
	} {
		t.Run(path, func(t *testing.T) {
			method := "POST"
			if strings.HasSuffix(path, "champion") {
				method = "PUT"
			}
			r := httptest.NewRequest(method, path, stalled{strings.NewReader("sepal_length,")})
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			answer{w.Code, w.Header(), w.Body.Bytes()}.problem(t, http.StatusRequestTimeout)
		})
	}
	if keys := a.keys(t, a.Bucket, ""); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
}

// The deadline of the server limits the body. A handler may take longer.
func TestRun_deadlineOfTheBodyAlone(t *testing.T) {
	a := newAPI(t)
	server := a.httpServer()
	server.ReadTimeout = 100 * time.Millisecond
	a.router.Path("/late").HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := httpio.ReadBody(r, nil, httpio.MaxSmall); err != nil {
			a.router.handler.Fail(w, r, err)
			return
		}
		select {
		case <-time.After(3 * server.ReadTimeout):
			w.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	})
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"no body":                  {"GET /late HTTP/1.1\r\nHost: x\r\n\r\n", 204},
		"a whole body":             {"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", 204},
		"a body that stands still": {"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nbody", 408},
		"a row that stands still":  {"POST /iris/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nbody", 408},
	} {
		t.Run(name, func(t *testing.T) {
			conn := must(net.Dial("tcp", l.Addr().String()))
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			must(io.WriteString(conn, test.request))
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
		})
	}
}

func TestExchange_bodyThatEndsEarly(t *testing.T) {
	a := newAPI(t, freshBucket(t))
	for path, contentType := range map[string]string{
		"/iris/predict": "application/json", "/iris/predict/batch": "application/json", "/iris/training": "text/csv",
	} {
		t.Run(path, func(t *testing.T) {
			conn := must(net.Dial("tcp", strings.TrimPrefix(a.url, "http://")))
			defer conn.Close()
			must(
				fmt.Fprintf(
					conn,
					"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\nhalf",
					path,
					contentType,
				),
			)
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			answer{response.StatusCode, response.Header, must(io.ReadAll(response.Body))}.problem(t, 400, "early")
		})
	}
	if keys := a.keys(t, a.Bucket, ""); len(keys) != 0 || a.started.Load() != 0 {
		t.Errorf("left behind: %v", keys)
	}
}

func TestBatchStatus_isRetriedLater(t *testing.T) {
	a := newAPI(t)
	a.world.start(t, "batch-iris-retry", "nobody", workflows.BatchType, workflows.BatchInput{Model: "iris"}, memo("iris"))
	if got := a.do(t, "GET", "/iris/predict/batch/batch-iris-retry", nil); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After for a batch that is pending")
	}
}

// A page of another site must not use the browser of somebody who can reach the API.
func TestHandler_crossOrigin(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
	}{
		{
			"a form", "POST", "/iris/rollback", "",
			[]string{"Origin: http://evil.example", "Sec-Fetch-Site: cross-site"},
			403,
		},
		{"a subdomain", "POST", "/iris/training", "", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"an old browser", "PUT", "/iris/champion", `{"version":"2"}`, []string{"Origin: http://evil.example"}, 403},
		{"a deletion", "DELETE", "/tasks/x", "", []string{"Origin: null"}, 403},
		{"a foreign protocol", "POST", "/v2/repository/index", "", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a link", "GET", "/models", "", []string{"Origin: http://evil.example", "Sec-Fetch-Site: cross-site"}, 200},
		{"a page of the API", "POST", "/iris/predict", setosa, []string{jsonType, "Sec-Fetch-Site: same-origin"}, 200},
		{"a program", "POST", "/iris/predict", setosa, []string{jsonType}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := a.do(t, test.method, test.path, test.body, test.headers...); got.status != test.status {
				t.Errorf("%s, want status %d", got, test.status)
			}
		})
	}
	if started := a.started.Load(); started != 0 {
		t.Errorf("%d workflows were started", started)
	}
}
