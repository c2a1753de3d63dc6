package apiserver

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"iris/apiserver/httpio"
	"iris/internal/champions"
	"iris/internal/inferencepb"
)

// metrics is what GET /metrics shows.
type metrics struct {
	handler   http.Handler
	http      *httpio.Metrics
	predicted *prometheus.CounterVec // by model, version
	batched   *prometheus.CounterVec // by model
	grpcInfer *httpio.RouteMetrics   // ModelInfer, which no router finds
}

func newMetrics(cache *champions.Cache) *metrics {
	m := &metrics{
		http: httpio.NewMetrics(),
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
		m.http, m.predicted, m.batched, cacheMetrics{cache},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(all, promhttp.HandlerOpts{})
	m.grpcInfer = m.http.Route(http.MethodPost, inferencepb.GRPCInferenceService_ModelInfer_FullMethodName)
	return m
}

// handleMetrics shows the metrics, without those of versions that are not in memory any more.
func (s *Server) handleMetrics(w http.ResponseWriter, r *http.Request) error {
	s.predictors.sweep()
	s.metrics.handler.ServeHTTP(w, r)
	return nil
}

// countRows notes that a version has answered so many rows, in whatever protocol.
func (s *Server) countRows(w http.ResponseWriter, served *champions.Served, rows int) {
	x, ok := w.(*httpio.Exchange)
	if !ok {
		return
	}
	p := s.predictors.of(served, x.Route())
	x.SetDuration(p.duration)
	p.predicted.Add(float64(rows))
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
