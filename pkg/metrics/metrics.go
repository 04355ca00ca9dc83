// Package metrics counts what the daemon does, for Prometheus. Metrics about resources and files are computed from the status
// when Prometheus scrapes them. The labels have a fixed set of values (verbs, kinds, states), so the number of series does not
// grow with the number of resources.
package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"linkd/pkg/reconcile"
)

// Meter has the daemon's counters. Its methods may be called from any goroutine.
type Meter struct {
	registry *prometheus.Registry

	passes      prometheus.Histogram
	ops         *prometheus.CounterVec
	corrections *prometheus.CounterVec
	overruns    prometheus.Counter
	reloadGood  prometheus.Gauge
	reloadTime  prometheus.Gauge
}

// The results of an op, as values of the label "result".
const (
	succeeded = "success"
	failed    = "error"
)

// passBuckets are upper bounds in seconds. A repair takes one or two milliseconds; a first pass over thousands of namespaces
// takes many seconds.
var passBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// New returns a meter for resources of these kinds. At each scrape it calls status, which returns the last status or nil.
func New(version string, kinds []string, status func() *reconcile.Status) *Meter {
	m := &Meter{
		registry: prometheus.NewRegistry(),
		passes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "linkd_pass_duration_seconds", Help: "Duration of a pass: looking, comparing and changing.", Buckets: passBuckets,
		}),
		ops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkd_ops_total", Help: "Ops that linkd has tried.",
		}, []string{"verb", "kind", "result"}),
		corrections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkd_drift_corrections_total", Help: "Resources whose drift linkd has found.",
		}, []string{"kind"}),
		overruns: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "linkd_netlink_overruns_total", Help: "Times that the kernel dropped events; linkd then looks at everything.",
		}),
		reloadGood: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "linkd_config_last_reload_successful", Help: "Whether all files were valid at the last reload.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "linkd_config_last_reload_success_timestamp_seconds", Help: "Time of the last reload with valid files only.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "linkd_build_info", Help: "Always 1; the labels have the running version.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	// Create all series at the start: an alert on an increase misses the first event of a series that begins with it.
	for _, kind := range kinds {
		m.corrections.WithLabelValues(kind)
		for _, verb := range reconcile.Verbs() {
			m.ops.WithLabelValues(verb.String(), kind, succeeded)
			m.ops.WithLabelValues(verb.String(), kind, failed)
		}
	}
	m.registry.MustRegister(m.passes, m.ops, m.corrections, m.overruns, m.reloadGood, m.reloadTime, build,
		&statusCollector{kinds: kinds, status: status},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Note counts events.
func (m *Meter) Note(events []reconcile.Event) {
	for i := range events {
		switch ev := &events[i]; ev.Event {
		case reconcile.OpDone:
			result := succeeded
			if ev.Error != "" {
				result = failed
			}
			m.ops.WithLabelValues(ev.Op, ev.Kind(), result).Inc()
		case reconcile.Drift:
			m.corrections.WithLabelValues(ev.Kind()).Inc()
		case reconcile.Overrun:
			m.overruns.Inc()
		case reconcile.Reload:
			if ev.State != "ok" {
				m.reloadGood.Set(0)
				continue
			}
			m.reloadGood.Set(1)
			m.reloadTime.Set(float64(ev.Time.UnixMicro()) / 1e6)
		}
	}
}

// Passed records the duration of a pass.
func (m *Meter) Passed(took time.Duration) { m.passes.Observe(took.Seconds()) }

// Handler returns the handler for /metrics.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}
