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
)

func newEvents(o *options) *cobra.Command {
	var count int
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "events [ID...]",
		Short: "Print what happens, as it happens",
		Long: "Print what the daemon does and finds from now on, all of it or what is about the resources with these IDs: what was " +
			"changed, what others changed and who that may have been, how resources and files stand. With -o json each event is " +
			"a line of JSON. It ends with the exit status 3 when the daemon does.",
		ValidArgsFunction: o.completeIDs,
		RunE:              func(cmd *cobra.Command, ids []string) error { return o.events(cmd.Context(), ids, count, timeout) },
	}
	cmd.Flags().IntVar(&count, "count", 0, "end after `N` events; 0 goes on for ever")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "end after this long, with 1 where there were fewer than --count events; 0 goes on for ever")
	return cmd
}

func (o *options) events(ctx context.Context, ids []string, count int, timeout time.Duration) error {
	limited := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	seen := 0
	var failed error
	err := control.NewClient(o.runtimeDir).Events(limited, ids, func(ev *reconcile.Event) bool {
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

// eventColours are those of what is worth a look, on a terminal.
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
			colour = colours[reconcile.State(ev.State)]
		}
		line = colour.Sprint(line)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
