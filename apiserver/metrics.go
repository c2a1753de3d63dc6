package apiserver

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
	"iris/internal/champions"
)

// metrics are the metrics of GET /metrics.
type metrics struct {
	handler http.Handler
	http    *httpio.Metrics
	batched *acceptedRows
}

func newMetrics(cache *champions.Cache, predictors *serving.Predictors) *metrics {
	m := &metrics{
		http:    httpio.NewMetrics(),
		batched: newAcceptedRows(),
	}
	all := prometheus.NewRegistry()
	all.MustRegister(
		m.http, predictors, predictors.Shed(), m.batched, cacheMetrics{cache},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(all, promhttp.HandlerOpts{})
	return m
}

// getMetrics sends the metrics, without those of versions that are no longer in memory and of deleted models.
func (s *Server) getMetrics(w http.ResponseWriter, r *http.Request) error {
	s.serving.Predictors.Sweep()
	s.metrics.batched.sweep(s.Cache.Registered())
	s.metrics.handler.ServeHTTP(w, r)
	return nil
}

// cacheMetrics collects the numbers of a cache on each scrape.
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
		"Requests for a version by number or alias: hit in memory, miss looked up, negative known not to exist.",
		[]string{"result"},
		nil,
	)
	championLoads = prometheus.NewDesc(
		"iris_champion_loads_total",
		"Champions that were loaded, and attempts that failed.",
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
