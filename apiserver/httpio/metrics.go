package httpio

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count requests and measure how long they take. Their labels are routes, models and versions that exist: what
// a client invents makes no series.
type Metrics struct {
	Unmatched *RouteMetrics // of requests without a route

	durations *prometheus.HistogramVec // by route, model, version
	requests  *prometheus.CounterVec   // by method, route, status
}

// durationBuckets range from a prediction, tens of microseconds, to an upload, seconds.
var durationBuckets = []float64{
	25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3,
	1, 2.5, 5, 10, 30,
}

// NewMetrics returns metrics that have counted nothing.
func NewMetrics() *Metrics {
	m := &Metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "iris_http_request_duration_seconds",
			Buckets: durationBuckets,
			Help: "Time to answer a request, from its header to the end of its handler; " +
				"model and version are those of a synchronous prediction.",
		}, []string{"route", "model", "version"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "iris_http_requests_total",
			Help: "Requests by what they were answered with; aborted are those whose answer was cut off.",
		}, []string{"method", "route", "status"}),
	}
	m.Unmatched = m.Route("any", "unmatched")
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	m.durations.Describe(to)
	m.requests.Describe(to)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.durations.Collect(to)
	m.requests.Collect(to)
}

// RouteMetrics are the series of one route, looked up once and not per request.
type RouteMetrics struct {
	all           *Metrics
	method, route string
	ok            prometheus.Counter
	duration      prometheus.Observer
}

// Route returns the metrics of a route.
func (m *Metrics) Route(method, route string) *RouteMetrics {
	return &RouteMetrics{
		all: m, method: method, route: route,
		ok:       m.requests.WithLabelValues(method, route, strconv.Itoa(http.StatusOK)),
		duration: m.durations.WithLabelValues(route, "", ""),
	}
}

// Attach makes the request that w answers one of the route.
func (m *RouteMetrics) Attach(w http.ResponseWriter) {
	if x, ok := w.(*Exchange); ok {
		x.route, x.duration = m, m.duration
	}
}

// CountOK counts a request that succeeded outside of a Handler.
func (m *RouteMetrics) CountOK() { m.ok.Inc() }

// Version returns the durations of the requests that a version of a model answers on the route.
func (m *RouteMetrics) Version(model, version string) prometheus.Observer {
	return m.all.durations.WithLabelValues(m.route, model, version)
}

// DeleteVersion deletes the durations of a version.
func (m *RouteMetrics) DeleteVersion(model, version string) {
	m.all.durations.DeleteLabelValues(m.route, model, version)
}

// aborted is the status of an answer that was cut off.
const aborted = -1

// count counts a request that has ended.
func (x *Exchange) count(status int) {
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
