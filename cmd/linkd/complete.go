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

// completionPatience is how long a shell waits for the daemon, at most: whoever pressed the key does.
const completionPatience = time.Second

// completeFlags lets a shell complete the values of the flags that every command takes, and has it offer files only
// where a command takes them.
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

// completeIDs are the resources that the daemon knows, each with its state, but for those named already.
func (o *options) completeIDs(cmd *cobra.Command, named []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
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

// completeNamespaces are the host's, those in /run/netns, and those that the files name.
func (o *options) completeNamespaces(_ *cobra.Command, named []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := map[string]bool{"host": true}
	if there, err := namedNamespaces(); err == nil {
		for name := range there {
			names[name] = true
		}
	}
	// Of a template, whose containers an engine would have to be asked for, it is the template's own name.
	if files, err := spec.ReadFiles(o.config); err == nil {
		desired, _ := spec.Compile(kind.Language(), files)
		for name := range desired.Namespaces {
			names[name] = true
		}
	}
	for _, name := range named {
		delete(names, name)
	}
	return slices.Sorted(maps.Keys(names)), cobra.ShellCompDirectiveNoFileComp
}

// completeFiles has the shell offer YAML files.
func completeFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}
