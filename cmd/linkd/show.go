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
		Short: "Print the live state of namespaces as a file, whoever made it",
		Long: "Print what there is in namespaces as a file that changes nothing but ownership marks when it is applied. NETNS is " +
			"host, a name in /run/netns or in the files, or a selector, such as pid:4711. Without one it is the host, all of " +
			"/run/netns, and what the files name.",
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
	world, err := o.newWorld()
	if err != nil {
		return exit(exitFailed, err)
	}
	defer world.Close()
	if err := world.LookOnly(ctx); err != nil {
		return exit(exitFailed, err)
	}
	page := spec.NewDocument(kind.Language())
	if err := reconcile.SelectNamespaces(world, page, o.declared(), args); err != nil {
		return exit(exitFailed, err)
	}
	journal := reconcile.ReadJournal(o.inRuntimeDir(journalFile))
	if err := reconcile.Show(ctx, kind.All(), world, journal, page); err != nil {
		return exit(exitFailed, err)
	}
	text, err := page.YAML()
	if o.json() {
		if text, err = page.JSON(); err == nil {
			for _, remark := range page.Remarks() {
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

// declared are the namespaces that the files name, as far as they are valid: show is for machines without any, too.
func (o *options) declared() map[string]spec.Namespace {
	files, err := spec.ReadFiles(o.config)
	if err != nil {
		return nil
	}
	desired, errs := spec.Compile(o.language(), files)
	if len(errs) > 0 {
		fmt.Fprintln(stderr, errs)
	}
	return desired.Namespaces
}
