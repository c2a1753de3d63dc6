package apiserver

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/internal/champions"
	"iris/internal/dataset/datasettest"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/workflows"
)

// unusedPort returns an address that nothing listens on.
func unusedPort(t testing.TB) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	return l.Addr().String()
}

// silentPort returns an address that accepts connections and never answers.
func silentPort(t testing.TB) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// downRegistry returns a registry whose MLflow does not run, and a cache that serves nothing.
func downRegistry(t testing.TB, address string) (*registry.Registry, *champions.Cache) {
	t.Helper()
	w := theWorld(t)
	r := must(
		registry.New(
			registry.Options{MLflow: mlflow.New(mlflow.Options{URL: "http://" + address}), Store: w.store, Bucket: w.bucket},
		),
	)
	return r, must(champions.New(champions.Options{Registry: r}))
}

// A request that needs a dependency that is down gets a 503 within three seconds. The answer says when to try again and
// nothing about the cause.
func TestDown(t *testing.T) {
	theWorld(t)
	const asJSON, asCSV = "Content-Type: application/json", "Content-Type: text/csv"
	iris := string(datasettest.Iris())
	type request struct{ method, path, body, header string }
	batch := request{"POST", "/iris/predict/batch", twoRows, asJSON}
	upload := request{"POST", "/iris/training", iris, asCSV}
	bundled := request{"POST", "/iris/training", "", "X-None: x"}
	promotion := request{"PUT", "/iris/champion", `{"version":"1"}`, asJSON}
	get := func(path string) request { return request{"GET", path, "", "X-None: x"} }
	for _, test := range []struct {
		name     string
		who      string // named in the answer
		change   func(*Options)
		requests []request
	}{
		{"Temporal", "Temporal does not answer", func(o *Options) { o.Temporal = downTemporal(t) }, []request{
			batch, upload, bundled, promotion, get("/tasks"), get("/tasks/t"), get("/iris/training/t"),
			get("/iris/predict/batch/t"),
			{"DELETE", "/tasks/t", "", "X-None: x"},
		}},
		{"S3", "the object store does not answer", func(o *Options) {
			o.Store, o.DataBuckets = downStore(t), []string{shared.bucket}
		}, []request{
			batch, upload, get("/iris/predict/batch/t"), get("/tasks/t"),
			{"POST", "/iris/training?data_path=s3://" + shared.bucket + "/x.csv", "", "X-None: x"},
		}},
		{"MLflow", "MLflow does not answer", func(o *Options) {
			o.Registry, o.Cache = downRegistry(t, unusedPort(t))
		}, []request{
			{"POST", "/iris/predict", setosa, asJSON},
			batch, promotion, get("/models"), get("/iris/versions"),
			get("/iris/versions/1"),
		}},
		{"MLflow that hangs", "MLflow does not answer", func(o *Options) {
			o.Registry, o.Cache = downRegistry(t, silentPort(t))
		}, []request{get("/models"), batch}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAPI(t, freshBucket(t), test.change)
			for _, r := range test.requests {
				t.Run(r.method+" "+r.path, func(t *testing.T) {
					t.Parallel()
					begin := time.Now()
					got := a.do(t, r.method, r.path, r.body, r.header)
					if took := time.Since(begin); took > 3*time.Second {
						t.Errorf("it took %s", took)
					}
					p := got.problem(t, http.StatusServiceUnavailable, test.who)
					if got.header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
					if strings.Contains(string(got.body), "127.0.0.1") {
						t.Errorf("the answer has the address of a server: %s", p.Detail)
					}
					if !strings.Contains(a.log.String(), got.header.Get(httpio.RequestIDHeader)) {
						t.Error("nothing was logged under the id of the request")
					}
				})
			}
		})
	}
}

// Temporal stops after the rows of a batch were stored.
func TestDown_batchLeavesNothing(t *testing.T) {
	a := newAPI(t, freshBucket(t), func(o *Options) { o.Temporal = downTemporal(t) })
	a.do(t, "POST", "/iris/predict/batch", twoRows).problem(t, http.StatusServiceUnavailable)
	if keys := a.keys(t, a.Bucket, ""); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
}

// A prediction needs no dependency.
func TestDown_predictionsAreAnswered(t *testing.T) {
	a := newAPI(t, func(o *Options) {
		o.Temporal, o.Store = downTemporal(t), downStore(t)
		o.Registry, _ = downRegistry(t, unusedPort(t))
	})
	var p serving.Prediction
	a.do(t, "POST", "/iris/predict", setosa).json(t, 200, &p)
	if p.Label != "setosa" {
		t.Errorf("label %q", p.Label)
	}
}

// If the store is down, the status of an ended task comes from Temporal and may say less.
func TestDown_endedTaskWithoutTheStore(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.Store = downStore(t) })
	id := a.accepted(t, a.do(t, "POST", "/iris/training", nil))
	if err := a.temporal.GetWorkflow(context.Background(), id, "").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := a.getTask(t, id); got.State != workflows.Success || got.Result == nil {
		t.Errorf("got %+v, want its result", got)
	}
}
