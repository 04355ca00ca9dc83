package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"linkd/pkg/reconcile"
)

// statusCollector is a prometheus.Collector that counts the resources and files of the last status by their states. It costs
// nothing between two scrapes.
type statusCollector struct {
	kinds  []string
	status func() *reconcile.Status
}

var (
	resources = prometheus.NewDesc("linkd_resources", "Declared resources by state.", []string{"kind", "state"}, nil)
	files     = prometheus.NewDesc("linkd_files", "Files by state.", []string{"state"}, nil)

	probeSuccess  = prometheus.NewDesc("linkd_probe_success", "Whether the last packet of a declared probe arrived.", []string{"name"}, nil)
	probeDuration = prometheus.NewDesc("linkd_probe_duration_seconds", "How long the answer to a declared probe took, or linkd waited for it.", []string{"name"}, nil)
)

// fileStates are the states of a spec.FileState.
var fileStates = []string{"loaded", "kept", "rejected"}

// Describe sends the descriptions of the metrics.
func (s *statusCollector) Describe(to chan<- *prometheus.Desc) {
	to <- resources
	to <- files
	to <- probeSuccess
	to <- probeDuration
}

// Collect sends the counts. It sends those that are 0, too, so that an alert on an increase sees the first one.
func (s *statusCollector) Collect(to chan<- prometheus.Metric) {
	status := s.status()
	if status == nil {
		return
	}
	type group struct {
		kind  string
		state reconcile.State
	}
	resourceCount, fileCount := map[group]int{}, map[string]int{}
	for _, r := range status.Resources {
		resourceCount[group{r.Kind, r.State}]++
	}
	for _, f := range status.Files {
		fileCount[f.State]++
	}
	gauge := func(desc *prometheus.Desc, n int, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), labels...)
	}
	for _, kind := range s.kinds {
		for _, state := range reconcile.States() {
			gauge(resources, resourceCount[group{kind, state}], kind, string(state))
		}
	}
	for _, state := range fileStates {
		gauge(files, fileCount[state], state)
	}
	for _, p := range status.Probes {
		if p.State == reconcile.Pending {
			// It has no result yet.
			continue
		}
		success := 0
		if p.State == reconcile.OK {
			success = 1
		}
		gauge(probeSuccess, success, p.Name)
		to <- prometheus.MustNewConstMetric(probeDuration, prometheus.GaugeValue, p.Seconds, p.Name)
	}
}
