package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"linkd/pkg/kind"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func newShow(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "show [NETNS...]",
		Short: "Write the present state of namespaces as a file",
		Long: "Print how namespaces are configured now, whoever did it, as a file for linkd. Applying this file changes nothing but " +
			"ownership marks. NETNS is host, a name in /run/netns or in the files, or a selector such as pid:4711. Without NETNS, " +
			"show prints the host, all namespaces in /run/netns and those in the files.",
		ValidArgsFunction: o.completeNamespaces,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.show(cmd.Context(), args) },
	}
}

func (o *options) show(ctx context.Context, args []string) error {
	for _, arg := range args {
		if err := spec.CheckReference(arg); err != nil {
			return exit(exitInvalid, err)
		}
	}
	world, err := o.lookingWorld(ctx)
	if err != nil {
		return exit(exitFailed, err)
	}
	defer world.Close()
	document := spec.NewDocument(kind.Language())
	document.Leases = o.leases()
	if err := reconcile.SelectNamespaces(world, document, o.declared(), args); err != nil {
		return exit(exitFailed, err)
	}
	journal := reconcile.ReadJournal(o.inRuntimeDir(journalFile))
	if err := reconcile.Show(ctx, kind.All(), world, journal, document); err != nil {
		return exit(exitFailed, err)
	}
	text, err := document.YAML()
	if o.json() {
		if text, err = document.JSON(); err == nil {
			for _, remark := range document.Remarks() {
				fmt.Fprintln(stderr, plain.Text(remark))
			}
		}
	}
	if err == nil {
		_, err = stdout.Write(text)
	}
	if err != nil {
		return exit(exitFailed, err)
	}
	return nil
}

// declared returns the namespaces of the valid files. It returns none if there are no files, because show has to work on a
// machine without any.
func (o *options) declared() map[string]spec.Namespace {
	files, err := o.read(spec.ReadFiles)
	if err != nil {
		return nil
	}
	desired, errs := spec.Compile(o.language(), files)
	if len(errs) > 0 {
		fmt.Fprintln(stderr, errs)
	}
	return desired.Namespaces
}
