package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command is in a group and has examples, which use only commands and flags that exist.
func TestEveryCommandHasAGroupAndExamples(t *testing.T) {
	root := newRoot(&options{})
	for _, cmd := range root.Commands() {
		if !cmd.IsAvailableCommand() {
			continue
		}
		if cmd.GroupID == "" || cmd.Example == "" {
			t.Errorf("%s: group %q, examples %q", cmd.Name(), cmd.GroupID, cmd.Example)
		}
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(line, "#")
			_, call, found := strings.Cut(line, "linkd ")
			if !found || strings.Contains(line, "systemctl") {
				continue
			}
			called, rest, err := newRoot(&options{}).Find(words(call))
			if err != nil || called.Parent() == nil {
				t.Errorf("%s: the example calls no command: %q (%v)", cmd.Name(), line, err)
				continue
			}
			if err := called.ParseFlags(rest); err != nil {
				t.Errorf("%s: %q: %v", cmd.Name(), line, err)
			}
		}
	}
}

// words returns the arguments of a call, without redirections and further commands of the shell.
func words(call string) []string {
	all := strings.Fields(call)
	if at := slices.IndexFunc(all, func(w string) bool { return strings.ContainsAny(w, "<>|&") }); at >= 0 {
		all = all[:at]
	}
	return all
}

// Help has at most 80 columns where linkd breaks its lines, and completions show no backquotes.
func TestHelpAndCompletions(t *testing.T) {
	root := newRoot(&options{})
	for _, cmd := range root.Commands() {
		for line := range strings.Lines(cmd.Long) {
			if len(line) > helpWidth+1 {
				t.Errorf("%s: %q", cmd.Name(), line)
			}
		}
		// A manual page indents examples by 7 columns more.
		for line := range strings.Lines(cmd.Example) {
			if len(line) > helpWidth-7+1 {
				t.Errorf("%s: %q", cmd.Name(), line)
			}
		}
		var completions bytes.Buffer
		root := newRoot(&options{})
		removeBackquotes(root)
		root.SetOut(&completions)
		root.SetArgs([]string{cobra.ShellCompRequestCmd, cmd.Name(), "--"})
		if err := root.Execute(); err != nil || !strings.Contains(completions.String(), "--help") || strings.Contains(completions.String(), "`") {
			t.Errorf("%s: %v: %s", cmd.Name(), err, &completions)
		}
	}
}
