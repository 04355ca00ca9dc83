package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

func newEvents(o *options) *cobra.Command {
	var count int
	var recent bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "events [ID...]",
		Short: "Print events as they happen",
		Long: "Print the daemon's events from now on, all of them or those about the resources with the given IDs: its changes, drift " +
			"and the program that may have caused it, and new states of resources and files. With -o json each event is one line " +
			"of JSON. When the daemon stops, events ends with the exit status 3.",
		ValidArgsFunction: o.completeIDs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			return o.events(cmd.Context(), ids, recent, count, timeout)
		},
	}
	cmd.Flags().BoolVar(&recent, "recent", false, "begin with the last 200 events that deserve attention: drift, errors, new states")
	cmd.Flags().IntVar(&count, "count", 0, "exit after `N` events; 0 means no limit")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "exit after this long, with the exit status 1 if there were fewer than --count events; 0 means no limit")
	return cmd
}

// events prints events until there were count of them, until the timeout, or until the daemon stops. The messages that
// begin the stream or say that events were lost do not count.
func (o *options) events(ctx context.Context, ids []string, recent bool, count int, timeout time.Duration) error {
	limited := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	seen := 0
	var failed error
	err := control.NewClient(o.runtimeDir).Events(limited, ids, recent, func(ev *reconcile.Event) bool {
		if failed = o.printEvent(os.Stdout, ev); failed != nil {
			return false
		}
		if ev.Event != reconcile.Listening && ev.Event != reconcile.Missed {
			seen++
		}
		return count <= 0 || seen < count
	})
	switch {
	case failed != nil:
		return exit(exitFailed, failed)
	case err == nil || ctx.Err() != nil:
		return nil
	case limited.Err() != nil && seen < count:
		return exit(exitFailed, fmt.Errorf("%d of %d events within %s", seen, count, timeout))
	case limited.Err() != nil:
		return nil
	case errors.Is(err, reconcile.ErrEnded):
		return exit(exitNoDaemon, err)
	}
	return daemonError(err)
}

// eventColours are the colours on a terminal of the events that deserve attention.
var eventColours = map[reconcile.EventKind]text.Colors{
	reconcile.Drift:    {text.FgYellow},
	reconcile.Overrun:  {text.FgYellow},
	reconcile.Missed:   {text.FgYellow},
	reconcile.Stopping: {text.FgRed},
}

func (o *options) printEvent(w io.Writer, ev *reconcile.Event) error {
	if o.json() {
		return json.NewEncoder(w).Encode(ev)
	}
	line := ev.Time.Local().Format("15:04:05.000 ") + plain.Text(ev.String())
	if coloured(w) {
		colour := eventColours[ev.Event]
		switch {
		case ev.Error != "":
			colour = text.Colors{text.FgRed}
		case ev.Event == reconcile.Transition:
			colour = report.StateColours[ev.State]
		}
		line = colour.Sprint(line)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
