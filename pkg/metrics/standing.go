package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"linkd/pkg/reconcile"
)

// standing tells how many resources and files stand in which way. It is asked for, and costs nothing until then.
type standing struct {
	kinds  []string
	status func() *reconcile.Status
}

var (
	resources = prometheus.NewDesc("linkd_resources", "Resources that the files declare, by how they stand.", []string{"kind", "state"}, nil)
	files     = prometheus.NewDesc("linkd_files", "Files, by what became of them when they were last read.", []string{"state"}, nil)
)

// fileStates are those of spec.FileState.
var fileStates = []string{"loaded", "kept", "rejected"}

// Describe implements prometheus.Collector.
func (s *standing) Describe(to chan<- *prometheus.Desc) {
	to <- resources
	to <- files
}

// Collect implements prometheus.Collector. Every kind and state has its series from the start, so that one that comes up
// from nothing is an increase.
func (s *standing) Collect(to chan<- prometheus.Metric) {
	status := s.status()
	if status == nil {
		return
	}
	type place struct {
		kind  string
		state reconcile.State
	}
	count, read := map[place]int{}, map[string]int{}
	for _, r := range status.Resources {
		count[place{r.Kind, r.State}]++
	}
	for _, f := range status.Files {
		read[f.State]++
	}
	gauge := func(desc *prometheus.Desc, n int, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), labels...)
	}
	for _, kind := range s.kinds {
		for _, state := range reconcile.States() {
			gauge(resources, count[place{kind, state}], kind, string(state))
		}
	}
	for _, state := range fileStates {
		gauge(files, read[state], state)
	}
}
