package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"linkd/pkg/doctor"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

func newDoctor(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check the machine and the files, and say what to do",
		Long: "Check this machine and the files, and print what keeps the files from working and what to do about it. doctor needs no " +
			"daemon and changes nothing. The exit status is 0, or 1 if there is something to do.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := o.examine(cmd.Context())
			var err error
			if o.json() {
				err = json.NewEncoder(os.Stdout).Encode(struct {
					Version  int              `json:"version"`
					Findings []doctor.Finding `json:"findings"`
				}{1, findings})
			} else {
				err = printFindings(os.Stdout, findings)
			}
			if err != nil {
				return exit(exitFailed, err)
			}
			for _, f := range findings {
				if f.Level == doctor.Error || f.Level == doctor.Warning {
					return exit(exitFailed, nil)
				}
			}
			return nil
		},
	}
}

// examine collects what the checks need and runs them. An error on the way becomes a finding.
func (o *options) examine(ctx context.Context) []doctor.Finding {
	m := &doctor.Machine{Engines: o.engines, RuntimeDir: o.runtimeDir, Version: version}
	var files []spec.File
	files, m.Unreadable = o.read(spec.ReadTrusted)
	m.Desired, m.Invalid = spec.Compile(o.language(), files)
	if m.World, m.Closed = o.newWorld(); m.Closed == nil {
		defer m.World.Close()
		m.Closed = m.World.LookOnly(ctx)
		m.World.Declare(m.Desired.Namespaces)
	}
	return doctor.Examine(ctx, m)
}

// groups are the groups of findings in the order in which they are printed, the most serious one first.
var groups = []struct {
	level  doctor.Level
	title  string
	colour text.Color
}{
	{doctor.Error, "problem", text.FgRed},
	{doctor.Warning, "advice", text.FgYellow},
	{doctor.OK, "fine", text.FgGreen},
	{doctor.Skipped, "skipped", text.Faint},
}

// printFindings writes each finding with, on lines of their own, its advice and the line of a file that it is about.
func printFindings(w *os.File, findings []doctor.Finding) error {
	style := styleOn(w)
	const indent = "         "
	below := func(text string) error { return printLines(w, style.Wrap(indent+plain.Text(text), indent)) }
	for _, g := range groups {
		title := fmt.Sprintf("%-8s", g.title)
		painted := title
		if style.Colour {
			painted = g.colour.Sprint(title)
		}
		for _, f := range findings {
			if f.Level != g.level {
				continue
			}
			lines := style.Wrap(title+" "+f.Check+": "+plain.Text(f.Text), indent)
			lines[0] = painted + strings.TrimPrefix(lines[0], title)
			if err := printLines(w, lines); err != nil {
				return err
			}
			if f.Advice != "" {
				if err := below(f.Advice); err != nil {
					return err
				}
			}
			if source := f.Source; source != "" {
				if f.Resource != "" {
					source += ": " + f.Resource
				}
				if err := below(source); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
