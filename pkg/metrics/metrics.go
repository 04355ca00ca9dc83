// Package metrics counts what the daemon does, for Prometheus. What can be told from the status is only looked at when
// somebody asks; no label has more values than the program has words for, however much is declared.
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

// Meter counts.
type Meter struct {
	registry *prometheus.Registry

	passes      prometheus.Histogram
	ops         *prometheus.CounterVec
	corrections *prometheus.CounterVec
	overruns    prometheus.Counter
	reloadGood  prometheus.Gauge
	reloadTime  prometheus.Gauge
}

// results of an op.
const (
	succeeded = "success"
	failed    = "error"
)

// passBuckets are upper bounds in seconds: from a repair, of a millisecond or two, to a first pass over thousands of
// namespaces.
var passBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// New makes a meter for resources of these kinds; status is how everything stands when somebody asks, or nil.
func New(version string, kinds []string, status func() *reconcile.Status) *Meter {
	m := &Meter{
		registry: prometheus.NewRegistry(),
		passes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "linkd_pass_duration_seconds", Help: "How long it took to look, compare and put right.", Buckets: passBuckets,
		}),
		ops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkd_ops_total", Help: "Steps of plans that were tried.",
		}, []string{"verb", "kind", "result"}),
		corrections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkd_drift_corrections_total", Help: "Resources that were found changed by others.",
		}, []string{"kind"}),
		overruns: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "linkd_netlink_overruns_total", Help: "How often the kernel dropped messages, after which everything is looked at.",
		}),
		reloadGood: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "linkd_config_last_reload_successful", Help: "Whether all files were valid when they were last read.",
		}),
		reloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "linkd_config_last_reload_success_timestamp_seconds", Help: "When the files were last read and were all valid.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "linkd_build_info", Help: "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	// A series that begins with its first event has no increase to alert on.
	for _, kind := range kinds {
		m.corrections.WithLabelValues(kind)
		for _, verb := range reconcile.Verbs() {
			m.ops.WithLabelValues(verb.String(), kind, succeeded)
			m.ops.WithLabelValues(verb.String(), kind, failed)
		}
	}
	m.registry.MustRegister(m.passes, m.ops, m.corrections, m.overruns, m.reloadGood, m.reloadTime, build,
		&standing{kinds: kinds, status: status},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Note counts what has happened.
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

// Passed counts a pass.
func (m *Meter) Passed(took time.Duration) { m.passes.Observe(took.Seconds()) }

// Handler answers with the metrics.
func (m *Meter) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}
