package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/kind"
	"linkd/pkg/metrics"
	"linkd/pkg/reconcile"
)

func newMetrics(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "Print what the daemon has counted, as Prometheus reads it",
		Long: "Print the daemon's metrics in Prometheus' text format, for whoever has no `linkd run --metrics` to scrape: into a " +
			"file of node_exporter's textfile collector, say.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := control.NewClient(o.runtimeDir).Metrics(cmd.Context())
			if err != nil {
				return daemonError(err)
			}
			if _, err := os.Stdout.Write(text); err != nil {
				return exit(exitFailed, err)
			}
			return nil
		},
	}
}

// newMeter counts what the loop does.
func newMeter(loop *reconcile.Loop) *metrics.Meter {
	var kinds []string
	for _, k := range kind.All() {
		kinds = append(kinds, k.Name)
	}
	return metrics.New(version, kinds, func() *reconcile.Status {
		status, _ := loop.Status()
		return status
	})
}

// serveMetrics answers on a port, where one is asked for. The wiring matters more than who watches it, so a port that is
// taken is said, and no reason to stop.
func serveMetrics(address string, meter *metrics.Meter, log *slog.Logger) (stop func()) {
	if address == "" {
		return func() {}
	}
	stop, err := metrics.Serve(address, meter.Handler(), log)
	if err != nil {
		log.Warn("the metrics are not to be had on a port", "error", err)
		return func() {}
	}
	return stop
}
