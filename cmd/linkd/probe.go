package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"linkd/pkg/observe"
	"linkd/pkg/path"
	"linkd/pkg/plain"
	"linkd/pkg/probe"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

func newProbe(o *options) *cobra.Command {
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "probe [NAME | NETNS TARGET[:PORT]]",
		Short: "Send a packet from a namespace, and name what stops it",
		Long: "Send a real packet from within a namespace: an echo (TARGET), a TCP connection (TARGET:PORT) or an HTTP request " +
			"(http://TARGET/). Then follow its path through each namespace, and the path of the answer, and name the first obstacle " +
			"and what to do. NAME is a probe of the files. Without an argument, probe sends all probes of the files. " +
			"NETNS is host, a namespace that the files name, a name in /run/netns, or a selector such as pid:4711. TARGET is an " +
			"address, a name, the ID of a link, or a namespace. It changes nothing. The exit status is 0 if the packet arrives, 1 if it does not, " +
			"2 if an argument is invalid.",
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: o.completeProbes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return o.probeDeclared(cmd.Context(), args)
			}
			if within < time.Millisecond || within > longestProbe {
				return fmt.Errorf("--timeout is 1ms to %v", longestProbe)
			}
			place, err := probe.ParsePlace(args[1])
			if err == nil {
				err = spec.CheckReference(args[0])
			}
			if err != nil {
				return exit(exitInvalid, err)
			}
			report, err := o.probe(cmd.Context(), args[0], place, within)
			if err != nil {
				return err
			}
			return o.printReports([]probe.Report{report})
		},
	}
	cmd.Flags().DurationVar(&within, "timeout", probe.Within, "how long to wait for the answer of a probe that the files do not name")
	return cmd
}

// longestProbe is how long a probe may wait for its answer.
const longestProbe = time.Minute

// probe sends one probe from a namespace.
func (o *options) probe(ctx context.Context, from string, place probe.Place, within time.Duration) (r probe.Report, err error) {
	desired := o.desiredAsFarAsValid()
	world, err := o.lookingWorld(ctx)
	if err != nil {
		return r, exit(exitFailed, err)
	}
	defer world.Close()
	name, err := declareForProbe(world, desired, from)
	if err != nil {
		return r, exit(exitInvalid, err)
	}
	session := world.NewSession()
	defer session.Close()
	ns, err := session.Open(name)
	if err != nil {
		return r, exit(exitFailed, fmt.Errorf("open the namespace %s: %w", from, err))
	}
	found, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ip, err := probe.Locate(found, desired, ns, place.Host)
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) && unknown.IsNotFound {
		return r, exit(exitInvalid, fmt.Errorf("%q is no address, no link and no namespace of the files, and no name that can be looked up from %s", place.Host, from))
	}
	if err != nil {
		return r, exit(exitFailed, fmt.Errorf("find the address of %s: %w", place.Host, err))
	}
	return probe.Run(ctx, session, ns, place.At(ip), within), nil
}

// desiredAsFarAsValid is what the files ask for, without what is not valid; nil if they cannot be read.
func (o *options) desiredAsFarAsValid() *spec.Desired {
	files, err := o.read(spec.ReadFiles)
	if err != nil {
		return nil
	}
	desired, _ := spec.Compile(o.language(), files)
	return desired
}

// mostDeclaredAtATime is how many declared probes run at a time.
const mostDeclaredAtATime = 8

// probeDeclared runs the probe of the files with a name, or all of them.
func (o *options) probeDeclared(ctx context.Context, names []string) error {
	desired, err := o.loadValid(ctx, spec.ReadToLook)
	if err != nil {
		return err
	}
	chosen := desired.Probes
	if len(names) > 0 {
		chosen = slices.DeleteFunc(slices.Clone(chosen), func(p spec.Probe) bool { return !slices.Contains(names, p.Name) })
	}
	switch {
	case len(chosen) == 0 && len(names) > 0:
		return exit(exitInvalid, fmt.Errorf("the files declare no probe %q; to probe without one: linkd probe NETNS TARGET", names[0]))
	case len(chosen) == 0:
		return exit(exitInvalid, errors.New("the files declare no probes; to probe without one: linkd probe NETNS TARGET"))
	}
	world, err := o.lookingWorld(ctx)
	if err != nil {
		return exit(exitFailed, err)
	}
	defer world.Close()
	world.Declare(desired.Namespaces)
	reports := make([]probe.Report, len(chosen))
	slots := make(chan struct{}, mostDeclaredAtATime)
	var running sync.WaitGroup
	for i, p := range chosen {
		slots <- struct{}{}
		running.Go(func() {
			reports[i] = probe.RunDeclared(ctx, world, desired, p)
			<-slots
		})
	}
	running.Wait()
	return o.printReports(reports)
}

// completeProbes are the probes of the files, and the namespaces that may send one.
func (o *options) completeProbes(cmd *cobra.Command, args []string, word string) (names []cobra.Completion, directive cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if desired := o.desiredAsFarAsValid(); desired != nil {
		for _, p := range desired.Probes {
			names = append(names, p.Name)
		}
	}
	namespaces, directive := o.completeNamespaces(cmd, args, word)
	return append(names, namespaces...), directive
}

// declareForProbe declares to the world the namespaces of the files and the one that an argument means, and returns the name of that.
func declareForProbe(world *observe.World, desired *spec.Desired, from string) (name string, err error) {
	known := map[string]spec.Namespace{}
	if desired != nil {
		known = desired.Namespaces
	}
	if _, is := known[from]; is || from == spec.Host {
		world.Declare(known)
		return from, nil
	}
	text := from
	if !strings.Contains(text, ":") {
		there, err := namedNamespaces()
		if _, is := there[from]; err != nil || !is {
			return "", fmt.Errorf("no file names a namespace %q, and there is none in %s", from, observe.NetnsDir)
		}
		text = "name:" + from
	}
	selector, err := spec.ParseSelector(text)
	if err != nil {
		return "", err
	}
	for name, ns := range known {
		if ns.Selector == selector {
			world.Declare(known)
			return name, nil
		}
	}
	known[from] = spec.Namespace{Name: from, Selector: selector}
	world.Declare(known)
	return from, nil
}

// printReports prints what became of probes. The error is an exit status of 1 if one did not arrive.
func (o *options) printReports(reports []probe.Report) error {
	failed := false
	for i := range reports {
		failed = failed || !reports[i].Arrived
	}
	if o.json() {
		err := json.NewEncoder(os.Stdout).Encode(struct {
			Version int            `json:"version"`
			Probes  []probe.Report `json:"probes"`
		}{1, reports})
		if err != nil {
			return exit(exitFailed, err)
		}
	} else {
		for i := range reports {
			if err := printReport(os.Stdout, &reports[i]); err != nil {
				return exit(exitFailed, err)
			}
		}
	}
	if failed {
		return exit(exitFailed, nil)
	}
	return nil
}

// printReport writes the outcome, the way hop by hop, and the conclusion.
func printReport(w *os.File, r *probe.Report) error {
	v := pathView{style: styleOn(w)}
	outcome, colour := "arrives", text.FgGreen
	if !r.Arrived {
		outcome, colour = "fails", text.FgRed
	}
	name := ""
	if r.Name != "" {
		name = r.Name + ": "
	}
	v.add(fmt.Sprintf("%s%s from %s to %s: %s (%.1f ms)", name, outcome, r.From, plain.Text(r.To), plain.Text(r.Text), r.Milliseconds), "  ", outcome, colour)
	if r.Path != nil {
		v.addHops(r.Path.Hops)
		if len(r.Path.Back) > 0 {
			v.add("  the answer:", "", "", text.Reset)
			v.addHops(r.Path.Back)
		}
	}
	conclusion, advice := r.Conclusion()
	if conclusion != "" {
		v.add(plain.Text(conclusion), "    ", "", text.Reset)
	}
	if advice != "" {
		v.add("  "+plain.Text(advice), "    ", "", text.Reset)
	}
	if r.Path != nil && r.Path.Obstacle != nil {
		for _, doubt := range r.Path.Doubts() {
			v.add("  see also "+plain.Text(doubt), "    ", "", text.Reset)
		}
	}
	return printLines(w, v.lines)
}

// pathView lays out the way of a packet.
type pathView struct {
	style report.Style
	lines []string
	// hop is the number of the last namespace.
	hop int
}

// add adds a line, in which the first word that is the same as that one has a colour.
func (v *pathView) add(line, indent, word string, colour text.Color) {
	lines := v.style.Wrap(line, indent)
	if v.style.Colour && word != "" {
		lines[0] = strings.Replace(lines[0], word, colour.Sprint(word), 1)
	}
	v.lines = append(v.lines, lines...)
}

// addHops adds the steps in each namespace.
func (v *pathView) addHops(hops []path.Hop) {
	for _, h := range hops {
		v.hop++
		in := ""
		if h.In != "" {
			in = ", in by " + h.In
		}
		v.add(fmt.Sprintf("  %d. %s%s", v.hop, plain.Text(h.Netns), plain.Text(in)), "     ", "", text.Reset)
		for _, s := range h.Steps {
			mark, colour := " ", text.Reset
			switch s.Mark {
			case path.Stops:
				mark, colour = "x", text.FgRed
			case path.Doubtful:
				mark, colour = "?", text.FgYellow
			}
			v.add(fmt.Sprintf("   %s %-10s %s", mark, s.Kind, plain.Text(s.Text)), "                ", strings.TrimSpace(mark), colour)
		}
	}
}
