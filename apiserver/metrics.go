package apiserver

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"iris/internal/champions"
	"iris/internal/inferencepb"
)

// metrics is what GET /metrics shows. Its labels are routes, models and versions that exist: what a client invents
// makes
// no series.
type metrics struct {
	handler   http.Handler
	durations *prometheus.HistogramVec // by route, model, version
	requests  *prometheus.CounterVec   // by method, route, status
	predicted *prometheus.CounterVec   // by model, version
	batched   *prometheus.CounterVec   // by model
	unmatched *routeMetrics
	grpcInfer *routeMetrics // ModelInfer, which no router finds
}

// durationBuckets go from a prediction, tens of microseconds, to an upload, in seconds.
var durationBuckets = []float64{
	25e-6,
	50e-6,
	100e-6,
	250e-6,
	500e-6,
	1e-3,
	2.5e-3,
	5e-3,
	10e-3,
	25e-3,
	50e-3,
	100e-3,
	250e-3,
	500e-3,
	1,
	2.5,
	5,
	10,
	30,
}

func newMetrics(cache *champions.Cache) *metrics {
	m := &metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "iris_http_request_duration_seconds",
			Buckets: durationBuckets,
			Help:    "Time to answer a request, from its header to the end of its handler; model and version are those of a synchronous prediction.",
		}, []string{"route", "model", "version"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iris_http_requests_total",
			Help: "Requests by what they were answered with; aborted are those whose answer was cut off.",
		}, []string{"method", "route", "status"}),
		predicted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iris_predicted_rows_total", Help: "Rows that synchronous predictions answered, in all protocols.",
		}, []string{"model", "version"}),
		batched: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iris_batch_rows_accepted_total",
			Help: "Rows of the batch tasks that were started; those of data_path are not known yet and not among them.",
		}, []string{"model"}),
	}
	all := prometheus.NewRegistry()
	all.MustRegister(
		m.durations, m.requests, m.predicted, m.batched, cacheMetrics{cache},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(all, promhttp.HandlerOpts{})
	m.unmatched = m.route("any", "unmatched")
	m.grpcInfer = m.route(http.MethodPost, inferencepb.GRPCInferenceService_ModelInfer_FullMethodName)
	return m
}

// handleMetrics shows the metrics, without those of versions that are not in memory any more.
func (s *Server) handleMetrics(w http.ResponseWriter, r *http.Request) error {
	s.predictors.sweep()
	s.metrics.handler.ServeHTTP(w, r)
	return nil
}

// routeMetrics are the series of one route, found once and not per request.
type routeMetrics struct {
	all           *metrics
	method, route string
	ok            prometheus.Counter
	duration      prometheus.Observer
}

func (m *metrics) route(method, route string) *routeMetrics {
	return &routeMetrics{
		all: m, method: method, route: route,
		ok:       m.requests.WithLabelValues(method, route, strconv.Itoa(http.StatusOK)),
		duration: m.durations.WithLabelValues(route, "", ""),
	}
}

// of notes that a request belongs to the route.
func (m *routeMetrics) of(w http.ResponseWriter) {
	if x, ok := w.(*exchange); ok {
		x.route, x.duration = m, m.duration
	}
}

// countRows notes that a version has answered so many rows, in whatever protocol.
func (s *Server) countRows(w http.ResponseWriter, served *champions.Served, rows int) {
	x, ok := w.(*exchange)
	if !ok {
		return
	}
	p := s.predictors.of(served, x.route)
	x.duration = p.duration
	p.predicted.Add(float64(rows))
}

// aborted stands for the status of an answer that was cut off.
const aborted = -1

// done counts a request that has ended.
func (x *exchange) done(status int) {
	x.duration.Observe(time.Since(x.began).Seconds())
	switch status {
	case http.StatusOK:
		x.route.ok.Inc()
	case aborted:
		x.route.all.requests.WithLabelValues(x.route.method, x.route.route, "aborted").Inc()
	default:
		x.route.all.requests.WithLabelValues(x.route.method, x.route.route, strconv.Itoa(status)).Inc()
	}
}

// cacheMetrics reads the numbers of a cache when it is asked for them.
type cacheMetrics struct{ cache *champions.Cache }

var (
	cacheChampions = prometheus.NewDesc("iris_cache_champions", "Champions that are served.", nil, nil)
	cacheVersions  = prometheus.NewDesc("iris_cache_versions", "Versions in memory beside the champions.", nil, nil)
	cacheBytes     = prometheus.NewDesc(
		"iris_cache_bytes",
		"Estimated memory of the versions in memory.",
		[]string{"of"},
		nil,
	)
	cacheRequests = prometheus.NewDesc(
		"iris_cache_requests_total",
		"Versions asked for by number or alias: hit were in memory, miss were looked up, negative were known not to exist.",
		[]string{"result"},
		nil,
	)
	championLoads = prometheus.NewDesc(
		"iris_champion_loads_total",
		"Champions that were loaded, and tries that failed.",
		[]string{"result"},
		nil,
	)
)

// Describe implements prometheus.Collector.
func (cacheMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{cacheChampions, cacheVersions, cacheBytes, cacheRequests, championLoads} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c cacheMetrics) Collect(to chan<- prometheus.Metric) {
	st := c.cache.Stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, label string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), label)
	}
	gauge(cacheChampions, float64(st.Champions))
	gauge(cacheVersions, float64(st.Versions))
	gauge(cacheBytes, float64(st.ChampionBytes), "champions")
	gauge(cacheBytes, float64(st.VersionBytes), "versions")
	counter(cacheRequests, st.Hits, "hit")
	counter(cacheRequests, st.Misses, "miss")
	counter(cacheRequests, st.Negatives, "negative")
	counter(championLoads, st.Loaded, "ok")
	counter(championLoads, st.Failed, "failed")
}
