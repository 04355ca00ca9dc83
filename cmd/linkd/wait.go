package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/pause"
)

func newWait(o *options) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait [ID...]",
		Short: "Wait until everything, or each named resource, is as declared",
		Long: "Make the daemon look at the files and the kernel, and wait until all resources, or those with the given " +
			"IDs, have converged. If no daemon is running yet, wait for it first. The exit status is 0, or 1 if they " +
			"have not converged within --timeout.",
		ValidArgsFunction: o.completeIDs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			ctx := cmd.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			client := control.NewClient(o.runtimeDir)
			hide := showProgress(ctx, client)
			defer hide()
			status, err := client.Wait(ctx, ids)
			if errors.Is(err, control.ErrNoDaemon) {
				fmt.Fprintf(stderr, "%v: waiting for one\n", err)
			}
			for errors.Is(err, control.ErrNoDaemon) && pause.For(ctx, daemonPause) {
				status, err = client.Wait(ctx, ids)
			}
			hide()
			if err == nil {
				if o.json() {
					return o.printStatus(status, nil, true)
				}
				return nil
			}
			switch {
			case ctx.Err() == nil:
				return daemonError(err)
			case cmd.Context().Err() != nil:
				return exit(exitFailed, errors.New("interrupted"))
			}
			if status, err = client.Status(cmd.Context()); err == nil {
				only, unknown := status.Only(ids)
				for _, id := range unknown {
					fmt.Fprintf(stderr, "%s: no file declares it\n", id)
				}
				err = printProblems(os.Stderr, only)
			}
			if err != nil {
				fmt.Fprintln(stderr, err)
			}
			return exit(exitFailed, fmt.Errorf("not converged after %s", timeout))
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long; 0 means never")
	return cmd
}

// daemonPause is the time between two attempts to reach a daemon that is not running yet.
const daemonPause = 20 * time.Millisecond
