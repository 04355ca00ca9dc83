package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/history"
	"linkd/pkg/web"
)

func newWeb(o *options) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "web",
		Short: "Show the wiring in a browser, live",
		Long: "Serve a page with the wiring as a picture, each problem with its cause, what has happened and who did it, the probes, the " +
			"running trial, and the history. It is live: it changes when the system does. linkd prints its address, which works once and on this " +
			"machine only: linkd prints a new one whenever one was used. From another machine, use ssh -L. The page has the rights of the user who runs linkd web. It changes nothing, but root can confirm " +
			"or revert a trial on it. A member of the group linkd sees the states, and not what only root can read: the counters and " +
			"foreign interfaces in other namespaces, and the history. ^C ends it. The exit status is 0, 1 if linkd cannot serve the page, 3 if no " +
			"daemon is running.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := web.ParseAddress(listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			client := control.NewClient(o.runtimeDir)
			if _, err := client.Identity(cmd.Context()); err != nil {
				return daemonError(err)
			}
			name, err := os.Hostname()
			if err != nil {
				return exit(exitFailed, err)
			}
			server, err := web.NewServer(at, web.Options{
				Client: client, Machine: newMachine(o), History: history.Open(o.historyDir()), MayDecide: os.Geteuid() == 0, By: whoAsks(),
				Host: name, TokenUsed: o.printAddress,
			})
			if err != nil {
				return exit(exitFailed, err)
			}
			o.printAddress(server.Address())
			if !o.json() {
				fmt.Fprintln(stderr, "open this address in a browser on this machine: it works once, and another one follows; ^C ends the page")
			}
			if err := server.Serve(cmd.Context()); err != nil {
				return exit(exitFailed, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback `ADDRESS:PORT` of the page; port 0 is any free one")
	return cmd
}

// printAddress prints an address that works once.
func (o *options) printAddress(address string) {
	if o.json() {
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"version": 1, "address": address})
		return
	}
	fmt.Fprintln(stdout, address)
}
