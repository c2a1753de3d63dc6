package apiserver

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"iris/internal/champions"
	"iris/model"
)

// metric returns a series from GET /metrics, 0 if it does not exist.
func (a *api) metric(t *testing.T, series string) float64 {
	t.Helper()
	for line := range strings.Lines(a.metricsPage(t)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), "} "); name+"}" == series {
			return must(strconv.ParseFloat(value, 64))
		}
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == series {
			return must(strconv.ParseFloat(value, 64))
		}
	}
	return 0
}

func (a *api) metricsPage(t *testing.T) string {
	t.Helper()
	got := a.do(t, "GET", "/metrics", nil)
	if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %s", got.status, got.header.Get("Content-Type"))
	}
	return string(got.body)
}

func TestMetrics_countPredictions(t *testing.T) {
	a := newAPI(t)
	a.do(t, "POST", "/iris/predict", setosa)
	a.do(t, "POST", "/iris/predict", irisRows(5))
	a.do(t, "POST", "/iris/predict", `{}`)
	a.do(t, "POST", "/predict", setosa)
	a.do(t, "POST", "/iris/versions/2/predict", irisRows(3))
	a.idle(t)
	for series, want := range map[string]float64{
		`iris_http_requests_total{method="POST",route="/{model}/predict",status="200"}`:                                  2,
		`iris_http_requests_total{method="POST",route="/{model}/predict",status="422"}`:                                  1,
		`iris_http_requests_total{method="POST",route="/predict",status="200"}`:                                          1,
		`iris_http_request_duration_seconds_count{model="iris",route="/{model}/predict",version="1"}`:                    3,
		`iris_http_request_duration_seconds_count{model="iris",route="/predict",version="1"}`:                            1,
		`iris_http_request_duration_seconds_count{model="iris",route="/{model}/versions/{version}/predict",version="2"}`: 1,
		`iris_http_request_duration_seconds_bucket{model="iris",route="/{model}/predict",version="1",le="+Inf"}`:         3,
		`iris_predicted_rows_total{model="iris",version="1"}`:                                                            7,
		`iris_predicted_rows_total{model="iris",version="2"}`:                                                            3,
	} {
		if got := a.metric(t, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	got := a.metric(t, `iris_http_request_duration_seconds_sum{model="iris",route="/{model}/predict",version="1"}`)
	if got <= 0 || got > 60 {
		t.Errorf("three predictions took %v s", got)
	}
}

func TestMetrics_countOtherRequests(t *testing.T) {
	a := newAPI(t)
	a.do(t, "GET", "/models", nil)
	a.do(t, "GET", "/nothing/at/all", nil)
	a.do(t, "PURGE", "/iris/predict", nil)
	a.do(t, "PUT", "/iris/champion", `{"version":7}`)
	a.do(t, "POST", "/predict", setosa, "Content-Encoding: br")
	accepted, _ := a.startBatch(t, "/iris/predict/batch", twoRows)
	a.wait(t, accepted)
	a.idle(t)
	for series, want := range map[string]float64{
		`iris_http_requests_total{method="GET",route="/models",status="200"}`:                 1,
		`iris_http_request_duration_seconds_count{model="",route="/models",version=""}`:       1,
		`iris_http_requests_total{method="any",route="unmatched",status="404"}`:               1,
		`iris_http_requests_total{method="any",route="unmatched",status="405"}`:               1,
		`iris_http_requests_total{method="any",route="unmatched",status="415"}`:               1,
		`iris_http_requests_total{method="PUT",route="/{model}/champion",status="422"}`:       1,
		`iris_http_requests_total{method="POST",route="/{model}/predict/batch",status="202"}`: 1,
		`iris_batch_rows_accepted_total{model="iris"}`:                                        2,
	} {
		if got := a.metric(t, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

func TestMetrics_countWhatWasCutOff(t *testing.T) {
	a := newAPI(t)
	a.router.Path("/half").HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("the other half")
	})
	if response, err := http.Get(a.url + "/half"); err == nil {
		_ = response.Body.Close()
	}
	a.idle(t)
	if got := a.metric(t, `iris_http_requests_total{method="any",route="unmatched",status="aborted"}`); got != 1 {
		t.Errorf("%v requests were aborted, want 1", got)
	}
}

// Names that a client invents must not fill the memory of the server.
func TestMetrics_noSeriesForWhatDoesNotExist(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{
		"/invented/predict", "/iris/versions/4242/predict", "/invented/predict/batch", "/invented/1/2/3",
	} {
		a.do(t, "POST", path, setosa).problem(t, 404)
	}
	a.do(t, "POST", "/invented/predict/batch", twoRows).problem(t, 404)
	a.idle(t)
	page := a.metricsPage(t)
	for _, word := range []string{"invented", "4242"} {
		if strings.Contains(page, word) {
			t.Errorf("the metrics speak of %s", word)
		}
	}
}

func TestMetrics_ofTheProcess(t *testing.T) {
	a := newAPI(t)
	before := a.metric(t, `iris_cache_requests_total{result="negative"}`)
	for range 3 {
		a.do(t, "POST", "/iris/versions/77/predict", setosa).problem(t, 404)
	}
	if got := a.metric(t, `iris_cache_requests_total{result="negative"}`) - before; got < 2 {
		t.Errorf("%v answers from what is known not to exist, want 2", got)
	}
	for _, series := range []string{
		"iris_cache_champions", `iris_cache_bytes{of="champions"}`, `iris_champion_loads_total{result="ok"}`,
		`iris_cache_requests_total{result="miss"}`, "go_goroutines", "process_resident_memory_bytes",
	} {
		if got := a.metric(t, series); got <= 0 {
			t.Errorf("%s is %v, want more", series, got)
		}
	}
	page := a.metricsPage(t)
	for _, series := range []string{
		"iris_cache_versions ", `iris_cache_bytes{of="versions"} `, `iris_champion_loads_total{result="failed"} `,
	} {
		if !strings.Contains(page, series) {
			t.Errorf("%s is not there", series)
		}
	}
	problems, err := promlint.New(bytes.NewReader([]byte(page))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "iris_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestMetrics_countRowsOfEveryProtocol(t *testing.T) {
	a := newGRPC(t)
	a.do(
		t, "POST", "/iris/invocations", `{"dataframe_records":[`+setosa+`,`+setosa+`]}`, "Content-Type: application/json",
	).
		json(t, 200, new(map[string]any))
	a.do(t, "POST", "/v1/models/iris:predict", `{"instances":[`+setosa+`]}`).json(t, 200, new(map[string]any))
	a.do(
		t, "POST", "/v2/models/iris/infer",
		`{"inputs":[{"name":"input","datatype":"FP64","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}`,
	).
		json(t, 200, new(map[string]any))
	must(a.ModelInfer(t.Context(), rawRequest(threeRows[:1])))
	a.idle(t)
	const duration = `iris_http_request_duration_seconds_count{model="iris",route=`
	for series, want := range map[string]float64{
		`iris_predicted_rows_total{model="iris",version="1"}`:                  5,
		duration + `"/v2/models/{model}/infer",version="1"}`:                   1,
		duration + `"/inference.GRPCInferenceService/ModelInfer",version="1"}`: 1,
	} {
		if got := a.metric(t, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// The rows of a model that was deleted in MLflow are no longer counted. A model without a champion is not deleted.
func TestMetrics_deletedModel(t *testing.T) {
	w := theWorld(t)
	names := []string{"deleted-soon", "unpromoted-yet"}
	promotable(t, names[0])
	w.addVersion(t, names[1], []byte("a,b,class\n1,2,x\n2,1,x\n8,9,y\n9,8,y\n"), model.Spec{})
	cache := must(champions.New(champions.Options{Registry: w.registry}))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cache.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	a := newAPI(t, func(o *Options) { o.Cache = cache })
	series := func(name string) string { return `iris_batch_rows_accepted_total{model="` + name + `"}` }
	await := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !is(); {
			if time.Now().After(deadline) {
				t.Fatalf("not within a minute: %s", what)
			}
		}
	}
	for _, name := range names {
		id, _ := a.startBatch(t, "/"+name+"/predict/batch?model_id=1", `{"data":[{"a":1,"b":2}]}`)
		a.wait(t, id)
		if got := a.metric(t, series(name)); got != 1 {
			t.Fatalf("%s is %v, want 1", series(name), got)
		}
	}
	body := strings.NewReader(`{"name":"deleted-soon"}`)
	url := w.addresses.MLflow + "/api/2.0/mlflow/registered-models/delete"
	response := must(http.DefaultClient.Do(must(http.NewRequestWithContext(t.Context(), http.MethodDelete, url, body))))
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("delete a model: %s, %v", response.Status, err)
	}
	await("no series of the deleted model", func() bool { return !strings.Contains(a.metricsPage(t), "deleted-soon") })
	if got := a.metric(t, series(names[1])); got != 1 {
		t.Errorf("%s is %v, want 1", series(names[1]), got)
	}
}
