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
		Short: "Draw the wiring, as it is and as it should be",
		Long: "Print a picture of namespaces and what joins them: what there is, whoever made it, and over that, in colours, " +
			"what the files want of it. NETNS is host, a name in /run/netns or in the files, or a selector, such as pid:4711; " +
			"without one it is the host, all of /run/netns, and what the files name. With --wanted it is the files alone: " +
			"neither root nor the kernel is needed.",
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
	cmd.Flags().BoolVar(&wanted, "wanted", false, "draw what the files want, without a look at what there is")
	return cmd
}

func complain(remark string) { fmt.Fprintln(stderr, plain.Text(remark)) }

// drawWanted draws the files.
func (o *options) drawWanted(ctx context.Context, args []string) (*graph.Picture, error) {
	files, err := reading(ctx, func() ([]spec.File, error) { return spec.ReadFiles(o.config) })
	if err != nil {
		return nil, exit(exitInvalid, err)
	}
	lang := kind.Language()
	lang.Samples = true
	desired, errs := spec.Compile(lang, files)
	if err := o.invalid(errs); err != nil {
		return nil, err
	}
	sketch := graph.NewSketch(complain)
	sketch.Want(desired)
	return only(sketch, args)
}

// only is the picture of some namespaces.
func only(sketch *graph.Sketch, args []string) (*graph.Picture, error) {
	names, err := sketch.Names(args)
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	return sketch.Picture().Only(names), nil
}

// drawAll draws what there is, and how the files want it. What they want is compared as diff does it.
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
	sketch := graph.NewSketch(complain)
	sketch.Want(desired)
	sketch.Judge(plan, engine.Status(nil))
	if err := reconcile.SelectNamespaces(world, sketch, desired.Namespaces, args); err != nil {
		return nil, exit(exitFailed, err)
	}
	found, err := reconcile.Find(ctx, drawn(), world, journal, sketch)
	if err != nil {
		return nil, exit(exitFailed, err)
	}
	sketch.Find(found)
	if len(args) > 0 {
		args = sketch.Shown()
	}
	return only(sketch, args)
}

// drawn are the kinds of which something is to be seen: the others need not be looked at.
func drawn() []reconcile.Registered {
	return slices.DeleteFunc(kind.All(), func(k reconcile.Registered) bool {
		_, is := k.Sample().(graph.Drawn)
		return !is
	})
}
