package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"linkd/pkg/graph"
	"linkd/pkg/kind"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func newGraph(o *options) *cobra.Command {
	var format string
	var wanted bool
	cmd := &cobra.Command{
		Use:   "graph [NETNS...]",
		Short: "Draw namespaces and the links between them",
		Long: "Print a picture of namespaces and the links between them. It shows what exists, whoever made it, and in colours how " +
			"that differs from the files. It also shows the NAT, the published ports, the forwarding and the policies of the files. " +
			"NETNS is host, a name in /run/netns or in the files, or a selector such as pid:4711. Without NETNS, the picture has " +
			"the host, all namespaces in /run/netns and those in the files. With --wanted, it shows only the files, and needs " +
			"neither root nor the kernel.",
		ValidArgsFunction: o.completeNamespaces,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := spec.OneOf("--format", format, graph.FormatNames()...); err != nil {
				return err
			}
			draw := o.drawAll
			if wanted {
				draw = o.drawWanted
			}
			picture, err := draw(cmd.Context(), args)
			if err != nil {
				return err
			}
			if o.json() {
				err = json.NewEncoder(os.Stdout).Encode(picture)
			} else {
				_, err = fmt.Fprint(stdout, graph.Formats[format](picture))
			}
			if err != nil {
				return exit(exitFailed, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", graph.DOT, "`FORMAT` of the picture: dot (Graphviz), mermaid or svg")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(graph.FormatNames(), cobra.ShellCompDirectiveNoFileComp)))
	cmd.Flags().BoolVar(&wanted, "wanted", false, "draw only what the files declare, without looking at the system")
	return cmd
}

func printRemark(remark string) { fmt.Fprintln(stderr, plain.Text(remark)) }

// drawWanted draws what the files declare.
func (o *options) drawWanted(ctx context.Context, args []string) (*graph.Picture, error) {
	files, err := readInterruptibly(ctx, func() ([]spec.File, error) { return o.read(spec.ReadFiles) })
	if err != nil {
		return nil, exit(exitInvalid, err)
	}
	lang := kind.Language()
	lang.Node = o.self
	lang.Samples = true
	desired, errs := spec.Compile(lang, files)
	if err := o.invalid(errs); err != nil {
		return nil, err
	}
	builder := graph.NewBuilder(printRemark)
	builder.AddDesired(desired)
	return only(builder, args)
}

// only returns the picture of the namespaces that args name, or of all if there are no args.
func only(builder *graph.Builder, args []string) (*graph.Picture, error) {
	names, err := builder.Names(args)
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	return builder.Picture().Only(names), nil
}

// drawAll draws what exists and how it differs from the files. It compares them as diff does.
func (o *options) drawAll(ctx context.Context, args []string) (*graph.Picture, error) {
	for _, arg := range args {
		if err := spec.CheckReference(arg); err != nil {
			return nil, exit(exitInvalid, err)
		}
	}
	desired, err := o.loadValid(ctx, spec.ReadToLook)
	if err != nil {
		return nil, err
	}
	journal := reconcile.ReadJournal(o.inRuntimeDir(journalFile))
	engine, world, err := o.newEngine(kind.All(), journal, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	defer world.Close()
	if err := world.LookOnly(ctx); err != nil {
		return nil, exit(exitFailed, err)
	}
	engine.Want(desired, desired.Unknown == nil)
	plan := engine.Plan(ctx)
	builder := graph.NewBuilder(printRemark)
	builder.AddDesired(desired)
	builder.SetStates(plan, engine.Status(nil))
	if err := reconcile.SelectNamespaces(world, builder, desired.Namespaces, args); err != nil {
		return nil, exit(exitFailed, err)
	}
	found, err := reconcile.Find(ctx, drawnKinds(), world, journal, builder)
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	builder.AddFound(found)
	if len(args) > 0 {
		args = builder.Shown()
	}
	return only(builder, args)
}

// drawnKinds returns the kinds whose resources are drawn. linkd need not look at the others.
func drawnKinds() []reconcile.Registered {
	return slices.DeleteFunc(kind.All(), func(k reconcile.Registered) bool {
		_, is := k.Sample().(graph.Drawn)
		return !is
	})
}
