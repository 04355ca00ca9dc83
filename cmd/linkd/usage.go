package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandGroups are the headings in `linkd --help` and linkd(8), each with its commands in the order in which a user meets them.
var commandGroups = []struct {
	title    string
	commands []string
}{
	{"Daemon", []string{"run", "reload", "wait"}},
	{"Look", []string{"status", "diff", "show", "graph", "web", "doctor", "probe", "events", "metrics"}},
	{"Change", []string{"apply", "try", "confirm", "revert", "history", "teardown"}},
	{"Files", []string{"init", "validate", "schema"}},
	{"Many machines", []string{"fleet"}},
	{otherGroup, []string{"version"}},
}

// otherGroup also has the commands that cobra adds.
const otherGroup = "Other"

// commandExamples has the examples of each command, as its help and its manual page show them.
var commandExamples = map[string]string{
	"run": `linkd run                             # as linkd.service does
linkd run --metrics 127.0.0.1:9108    # also serve metrics`,
	"reload": `linkd reload                  # apply the files now
systemctl reload linkd        # the same`,
	"wait": `linkd wait --timeout 30s                   # for everything
linkd wait web/address/eth0/10.18.0.2/24   # for this address`,
	"status": `linkd status                      # a summary, and what is wrong
linkd status --all                # a line for each resource
linkd status web/link/eth0        # one resource
linkd status --watch              # redraw it whenever it changes`,
	"diff": `linkd diff                        # preview /etc/linkd.d
linkd diff --config new.yaml      # preview this file
ssh host linkd diff --config - < new.yaml`,
	"show": `linkd show > by-hand.yaml         # everything that exists, as a file
linkd show web                    # one namespace
linkd show docker:web             # the namespace of a container`,
	"graph": `linkd graph --format svg > wiring.svg
linkd graph web | dot -Tpng > web.png
linkd graph --wanted --config new.yaml --format mermaid`,
	"web": `linkd web                         # open the address that it prints
linkd web --listen 127.0.0.1:8080 # on this port
ssh -L 8080:127.0.0.1:8080 host   # to open it from another machine`,
	"doctor": `linkd doctor                      # check the machine and the files
linkd doctor --config new.yaml    # before you install a file`,
	"probe": `linkd probe web 192.0.2.1         # an echo from the namespace web
linkd probe web db:5432           # a TCP connection to the namespace
linkd probe host http://10.18.0.2/health
linkd probe                       # all probes of the files`,
	"events": `linkd events                      # everything, from now on
linkd events web/link/eth0        # one resource
linkd events --recent             # what has happened, and what happens
linkd events -o json --count 1 --timeout 1m`,
	"metrics": `linkd metrics > /var/lib/node_exporter/linkd.prom`,
	"apply": `linkd apply                       # apply /etc/linkd.d once
linkd apply --wait 30s            # also wait for containers that start
linkd apply --config lab.yaml     # only this file`,
	"try": `linkd try new.yaml --as web.yaml          # replacing a file
linkd try new.yaml --for 30s              # revert after 30 seconds
linkd try --remove /etc/linkd.d/web.yaml  # without this file
linkd try --history 12                    # an earlier state`,
	"confirm": `linkd try new.yaml &              # in one terminal
linkd confirm                     # in another, after a new login`,
	"revert": `linkd revert                      # end the trial now`,
	"history": `linkd history                     # the last 100 applied states
linkd history 12                  # the files of state 12
linkd history diff 12             # compared with the newest state`,
	"teardown": `systemctl stop linkd
linkd teardown                    # remove everything`,
	"init": `linkd init                        # write /etc/linkd.d/first.yaml
linkd init --config lab           # write lab/first.yaml`,
	"validate": `linkd validate                    # the files in /etc/linkd.d
linkd validate --strict *.yaml    # in CI: warnings are errors
linkd validate --replacing /etc/linkd.d/web.yaml new.yaml`,
	"schema": `linkd schema > linkd.schema.json`,
	"fleet": `linkd fleet apply net/            # the files of all machines
linkd fleet diff web.yaml         # what one file would change
linkd fleet status                # which machines have them in force
linkd fleet grant n1 n2           # let two machines in`,
	"version": `linkd version`,
}

// helpWidth is the width of the text in help, in columns.
const helpWidth = 80

// describeUsage groups the commands, and adds their examples.
func describeUsage(root *cobra.Command) {
	cobra.EnableCommandSorting = false
	byName := map[string]*cobra.Command{}
	for _, cmd := range root.Commands() {
		byName[cmd.Name()] = cmd
		cmd.Long = wrap(cmd.Long, helpWidth)
		if text := commandExamples[cmd.Name()]; text != "" {
			cmd.Example = "  " + strings.ReplaceAll(text, "\n", "\n  ")
		}
	}
	root.SetHelpCommandGroupID(otherGroup)
	root.SetCompletionCommandGroupID(otherGroup)
	for _, group := range commandGroups {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title + ":"})
		for _, name := range group.commands {
			if cmd := byName[name]; cmd != nil {
				cmd.GroupID = group.title
				// Commands of the root are listed in the order in which they were added.
				root.RemoveCommand(cmd)
				root.AddCommand(cmd)
			}
		}
	}
}

// wrap breaks the lines of a text so that they have at most width characters, if its words allow.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// removeBackquotes removes the backquotes from the descriptions of all flags. Help needs them: they mark the word that stands for
// the value. Completions show them as they are.
func removeBackquotes(cmd *cobra.Command) {
	strip := func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") }
	cmd.Flags().VisitAll(strip)
	cmd.PersistentFlags().VisitAll(strip)
	for _, sub := range cmd.Commands() {
		removeBackquotes(sub)
	}
}
