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
		Short: "Print the metrics of the daemon in the format of Prometheus",
		Long: "Print the metrics of the daemon in the format of Prometheus. Use it if Prometheus cannot scrape linkd run --metrics, " +
			"for example to write a file for node_exporter's textfile collector.",
		Args: noArguments,
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

// newMeter returns the daemon's counters. They read the states of resources and files from the loop's status.
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

// serveMetrics serves the metrics on an ADDRESS:PORT; "" serves none. If it cannot listen there, it logs a warning, and the
// daemon goes on without.
func serveMetrics(address string, meter *metrics.Meter, log *slog.Logger) (stop func()) {
	if address == "" {
		return func() {}
	}
	stop, err := metrics.Serve(address, meter.Handler(), log)
	if err != nil {
		log.Warn("cannot serve the metrics", "error", err)
		return func() {}
	}
	return stop
}
