package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"linkd/pkg/fleet"
)

func newFleet(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fleet COMMAND",
		Short: "Store files for many machines in etcd, and see how they stand",
		Long: "Commands for a fleet: machines whose linkd takes files from one etcd. They read from --fleet (default " +
			"/etc/linkd/fleet.yaml) how to reach it, and run on any machine, with the certificate of an administrator.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFleetApply(o), newFleetDiff(o), newFleetStatus(o), newFleetNodes(o), newFleetHistory(o), newFleetForget(o), newFleetGrant(o), newFleetRevoke(o))
	for _, sub := range cmd.Commands() {
		sub.Long = wrap(sub.Long, helpWidth)
	}
	return cmd
}

// withStore calls f with the fleet's part of etcd.
func (o *options) withStore(f func(*fleet.Store) error) error {
	conf, err := fleet.LookAtConfig(o.fleetFile)
	if err != nil {
		return exit(exitInvalid, err)
	}
	store, err := fleet.Open(conf)
	if err != nil {
		return exit(exitInvalid, err)
	}
	defer store.Close()
	return f(store)
}

func newFleetForget(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "forget NODE...",
		Short: "Remove what etcd has about nodes that are gone",
		Long: "Remove nodes from the list of the fleet. linkd refuses that for a node that is connected. A node that connects again is in the list " +
			"again. The exit status is 0, or 2 if a node was not removed.",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: o.completeNodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.forEach(cmd.Context(), args, (*fleet.Store).Forget, "forgot %s\n")
		},
	}
}

func newFleetGrant(o *options) *cobra.Command {
	var admins []string
	var enable bool
	cmd := &cobra.Command{
		Use:   "grant [NODE...]",
		Short: "Make etcd users and roles for nodes and administrators",
		Long: "Make a user of etcd for each NODE, with roles that let it read the fleet and write only what it reports about itself. The name of the user is the " +
			"common name of the node's certificate. --admin does the same for somebody who stores files. With --enable-auth, etcd checks who asks " +
			"from then on, and only a certificate for root can change users. The exit status is 0, or 2 if etcd refused.",
		RunE: func(cmd *cobra.Command, nodes []string) error {
			if len(nodes) == 0 && len(admins) == 0 && !enable {
				return exit(exitInvalid, fmt.Errorf("name nodes, or an administrator with --admin, or --enable-auth"))
			}
			if err := o.forEach(cmd.Context(), admins, (*fleet.Store).GrantAdmin, "granted %s the rights of an administrator\n"); err != nil {
				return err
			}
			if err := o.forEach(cmd.Context(), nodes, (*fleet.Store).GrantNode, "granted %s the rights of a node\n"); err != nil || !enable {
				return err
			}
			return o.withStore(func(s *fleet.Store) error {
				if err := s.EnableAuth(cmd.Context()); err != nil {
					return exit(exitInvalid, err)
				}
				fmt.Fprintln(stdout, "etcd checks who asks")
				return nil
			})
		},
	}
	cmd.Flags().StringArrayVar(&admins, "admin", nil, "common `NAME` of the certificate of an administrator; may be repeated")
	cmd.Flags().BoolVar(&enable, "enable-auth", false, "make etcd check who asks")
	return cmd
}

func newFleetRevoke(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NODE...",
		Short: "Remove the etcd users and roles of nodes",
		Long: "Remove the users of etcd that linkd fleet grant has made, so that a certificate that was stolen is of no more use. The exit status is 0, or 2 " +
			"if etcd refused.",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: o.completeNodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.forEach(cmd.Context(), args, (*fleet.Store).RevokeNode, "revoked the rights of %s\n")
		},
	}
}

// forEach does something with each name, and says so in the words of done.
func (o *options) forEach(ctx context.Context, names []string, do func(*fleet.Store, context.Context, string) error, done string) error {
	return o.withStore(func(s *fleet.Store) error {
		for _, name := range names {
			if err := do(s, ctx, name); err != nil {
				return exit(exitInvalid, err)
			}
			fmt.Fprintf(stdout, done, name)
		}
		return nil
	})
}

// completeNodes returns the names of the nodes, without those that are named already.
func (o *options) completeNodes(cmd *cobra.Command, named []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	_ = o.withStore(func(s *fleet.Store) error {
		members, err := s.Nodes(ctx)
		for _, m := range members {
			names = append(names, cobra.CompletionWithDesc(m.Node.Name, wordOf(m, m.Revision)))
		}
		return err
	})
	return without(names, named), cobra.ShellCompDirectiveNoFileComp
}
