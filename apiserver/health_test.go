package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"iris/internal/champions"
	"iris/internal/objstore"
	"iris/internal/testenv"
)

func TestHealth(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/", "/healthz"} {
		var h Health
		a.do(t, "GET", path, nil).json(t, 200, &h)
		if h.Status != "ok" {
			t.Errorf("%s: status %q", path, h.Status)
		}
	}
}

func TestReady(t *testing.T) {
	up := map[string]string{"temporal": "ok", "s3": "ok", "mlflow": "ok"}
	for _, test := range []struct {
		name     string
		change   func(*Options)
		status   int
		champion string
		want     map[string]string
	}{
		{"all is well", func(*Options) {}, 200, "iris/1", up},
		{"a model without a champion", func(o *Options) { o.DefaultModel = unpromotedModel }, 503, "", up},
		{
			"Temporal is down", func(o *Options) { o.Temporal = downTemporal(t) }, 200, "iris/1",
			map[string]string{"temporal": "unreachable", "s3": "ok", "mlflow": "ok"},
		},
		{
			"S3 is down", func(o *Options) { o.Store = downStore(t) }, 200, "iris/1",
			map[string]string{"temporal": "ok", "s3": "unreachable", "mlflow": "ok"},
		},
		{
			"S3 is full", func(o *Options) { o.Store = fullStore(t) }, 200, "iris/1",
			map[string]string{"temporal": "ok", "s3": "full", "mlflow": "ok"},
		},
		{"a disk is full", func(o *Options) {
			o.Ready = func(context.Context) map[string]error {
				return map[string]error{"mlflow": nil, "cache_dir": fmt.Errorf("%w: 0 bytes", ErrFull)}
			}
		}, 200, "iris/1", map[string]string{"temporal": "ok", "s3": "ok", "mlflow": "ok", "cache_dir": "full"}},
		{"another check fails", func(o *Options) {
			o.Ready = func(context.Context) map[string]error {
				return map[string]error{"mlflow": errors.New("secret.internal:5000 does not answer"), "disk": nil}
			}
		}, 200, "iris/1", map[string]string{"temporal": "ok", "s3": "ok", "mlflow": "unreachable", "disk": "ok"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAPI(t, func(o *Options) {
				o.Ready = func(ctx context.Context) map[string]error {
					return map[string]error{"mlflow": theWorld(t).mlflow.Check(ctx)}
				}
			}, test.change)
			var got Readiness
			a.do(t, "GET", "/readyz", nil).json(t, test.status, &got)
			if got.Ready != (test.status == 200) || got.Champion != test.champion || !maps.Equal(got.Dependencies, test.want) {
				t.Errorf("got %+v, want champion %q and %v", got, test.champion, test.want)
			}
		})
	}
}

func TestReady_logsChangesOnly(t *testing.T) {
	var broken error
	a := newAPI(t, func(o *Options) {
		o.Ready = func(context.Context) map[string]error { return map[string]error{"mlflow": broken} }
	})
	probe := func() { a.do(t, "GET", "/readyz", nil) }
	probe()
	if got := a.log.String(); got != "" {
		t.Fatalf("logged when all is well: %s", got)
	}
	broken = errors.New("no route to host")
	probe()
	probe()
	broken = nil
	probe()
	probe()
	log := a.log.String()
	if strings.Count(log, "no route to host") != 1 || strings.Count(log, "answers again") != 1 {
		t.Errorf("want one line when it stops answering and one when it answers again: %s", log)
	}
}

// Without a check of MLflow, the result of the last poll of the champions counts.
func TestReady_withoutACheckOfMLflow(t *testing.T) {
	w := theWorld(t)
	cache := must(champions.New(champions.Options{Registry: w.registry}))
	a := newAPI(t, func(o *Options) { o.Cache = cache })
	var got Readiness
	a.do(t, "GET", "/readyz", nil).json(t, http.StatusServiceUnavailable, &got)
	if got.Ready || got.Dependencies["mlflow"] != unreachable {
		t.Errorf("got %+v, want a process that has not polled yet", got)
	}
}

// downTemporal returns a client of a server that does not run.
func downTemporal(t testing.TB) client.Client {
	t.Helper()
	c := must(client.NewLazyClient(client.Options{HostPort: unusedPort(t)}))
	t.Cleanup(c.Close)
	return c
}

// fullStore returns a client of an object store whose disk is full.
func fullStore(t testing.TB) *objstore.Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusInsufficientStorage)
			_, _ = io.WriteString(w, "<Error><Code>XMinioStorageFull</Code></Error>")
			return
		}
		_, _ = io.WriteString(w, "<ListAllMyBucketsResult></ListAllMyBucketsResult>")
	}))
	t.Cleanup(server.Close)
	return must(objstore.New(objstore.Options{Endpoint: server.URL, AccessKey: "k", SecretKey: "s"}))
}

// downStore returns a client of an object store that does not run.
func downStore(t testing.TB) *objstore.Store {
	t.Helper()
	a := testenv.All(t)
	return must(
		objstore.New(objstore.Options{Endpoint: unusedPort(t), AccessKey: a.S3AccessKey, SecretKey: a.S3SecretKey}),
	)
}
