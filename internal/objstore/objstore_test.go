package objstore_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"

	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// realS3 returns a store of a real S3 server, and a bucket for this test alone.
func realS3(t *testing.T) (*objstore.Store, string) {
	t.Helper()
	return testenv.S3(t), testenv.Bucket(t)
}

// fakeS3 returns a store of a server that handler plays. It is for failures, which a real server does not have on
// demand.
func fakeS3(t *testing.T, handler http.HandlerFunc) *objstore.Store {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return connect(t, server.URL)
}

// proxied returns a store that reaches a real server through a proxy. The proxy forwards a request if inspect returns
// true; otherwise inspect has answered it.
func proxied(
	t *testing.T,
	direct *objstore.Store,
	inspect func(http.ResponseWriter, *http.Request) bool,
) *objstore.Store {
	t.Helper()
	client := objstore.Client(direct)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		// The Host header, which is part of the signature, stays as it is.
		r.Out.URL.Scheme, r.Out.URL.Host = "http", client.EndpointURL().Host
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if inspect(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	keys, err := client.GetCreds()
	if err != nil {
		t.Fatal(err)
	}
	o := objstore.Options{Endpoint: server.URL, AccessKey: keys.AccessKeyID, SecretKey: keys.SecretAccessKey}
	store, err := objstore.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func connect(t *testing.T, endpoint string) *objstore.Store {
	t.Helper()
	store, err := objstore.New(objstore.Options{Endpoint: endpoint, AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// fail writes an error in the format of S3.
func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said the server</Message></Error>", code)
}

func wantError(t *testing.T, err, class error, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %v", class)
	}
	if !errors.Is(err, class) {
		t.Errorf("got error %v, want one that wraps %v", err, class)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got error %q, want it to contain %q", err, text)
	}
}

func TestNew_saysWhatIsMissing(t *testing.T) {
	good := objstore.Options{Endpoint: "localhost:9000", AccessKey: "key", SecretKey: "secret"}
	for _, test := range []struct {
		name   string
		change func(*objstore.Options)
		want   string // empty if New succeeds
	}{
		{"host and port", func(*objstore.Options) {}, ""},
		{"http URL", func(o *objstore.Options) { o.Endpoint = "http://localhost:9000" }, ""},
		{"https URL with a slash", func(o *objstore.Options) { o.Endpoint = "https://s3.example.org/" }, ""},
		{"no endpoint", func(o *objstore.Options) { o.Endpoint = "" }, "Options.Endpoint is empty"},
		{"no access key", func(o *objstore.Options) { o.AccessKey = "" }, "Options.AccessKey is empty"},
		{"no secret key", func(o *objstore.Options) { o.SecretKey = "" }, "Options.SecretKey is empty"},
		{
			"other scheme", func(o *objstore.Options) { o.Endpoint = "ftp://localhost" },
			"want host:port or http(s)://host:port",
		},
		{
			"with a path", func(o *objstore.Options) { o.Endpoint = "http://localhost/bucket" },
			"endpoint http://localhost/bucket",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := good
			test.change(&o)
			_, err := objstore.New(o)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

func TestNew_schemeOverridesSecure(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://localhost:9000":  "http://localhost:9000",
		"https://localhost:9000": "https://localhost:9000",
		"localhost:9000":         "http://localhost:9000",
	} {
		if got := objstore.Client(connect(t, endpoint)).EndpointURL().String(); got != want {
			t.Errorf("New(%s) connects to %s, want %s", endpoint, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	store := testenv.S3(t)
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("the real S3: %v", err)
	}
	stranger := connect(t, objstore.Client(store).EndpointURL().String())
	if err := stranger.Check(t.Context()); err == nil || errors.Is(err, objstore.ErrUnavailable) {
		t.Errorf("wrong keys: got error %v, want one that is not ErrUnavailable", err)
	}
}

func TestCheck_acceptsKeysThatMayNotListBuckets(t *testing.T) {
	store := fakeS3(t, func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden, "AccessDenied") })
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}
