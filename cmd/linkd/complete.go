package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/kind"
	"linkd/pkg/spec"
)

// completionTimeout limits how long a completion waits for the daemon, because the user waits meanwhile.
const completionTimeout = time.Second

// completeFlags registers completions for the values of the global flags. It turns off the shell's own completion of
// file names, except where a command takes files.
func completeFlags(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for flag, words := range map[string][]cobra.Completion{
		"output":     {"text", "json"},
		"log-format": {"text", "json", "journal"},
		"log-level":  {"debug", "info", "warn", "error"},
	} {
		cobra.CheckErr(root.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
	}
	cobra.CheckErr(root.MarkPersistentFlagFilename("config", "yaml", "yml"))
	cobra.CheckErr(root.MarkPersistentFlagDirname("runtime-dir"))
}

// completeIDs returns the IDs of the daemon's resources, each with its state, without those that are named already. It
// returns none if the daemon does not answer.
func (o *options) completeIDs(cmd *cobra.Command, named []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	status, err := control.NewClient(o.runtimeDir).Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []cobra.Completion
	for _, r := range status.Resources {
		if !slices.Contains(named, r.ID) {
			ids = append(ids, cobra.CompletionWithDesc(r.ID, string(r.State)))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// completeNamespaces returns host, the names in /run/netns, and those in the files, without those that are named already.
func (o *options) completeNamespaces(_ *cobra.Command, named []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := map[string]bool{"host": true}
	if existing, err := namedNamespaces(); err == nil {
		for name := range existing {
			names[name] = true
		}
	}
	// A template is completed by its own name: for the names of its containers, linkd would have to ask an engine.
	if files, err := o.read(spec.ReadFiles); err == nil {
		lang := kind.Language()
		lang.Node = o.self
		desired, _ := spec.Compile(lang, files)
		for name := range desired.Namespaces {
			names[name] = true
		}
	}
	for _, name := range named {
		delete(names, name)
	}
	return slices.Sorted(maps.Keys(names)), cobra.ShellCompDirectiveNoFileComp
}

// completeFiles makes the shell complete the names of YAML files.
func completeFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}
