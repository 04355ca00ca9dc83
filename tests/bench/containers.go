package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	containersName = "containers"

	oneAfterAnother = 100
	atOnce          = 50
)

// follower is one way to wire containers as they start: a process that goes on.
type follower struct {
	what   string // as the table calls it
	labels func(i int) map[string]string
	// command writes what files it needs to dir.
	command func(s settings, dir string, names []string) (*exec.Cmd, error)
	// settled waits until the process has taken notice of what it is to do.
	settled func(linkd, dir string) error
	linkd   bool // its delays are promised
}

var followers = []follower{
	{what: "floor: straight netlink", command: chase, labels: addressLabel},
	{what: "`linkd run`, each container in a file", command: linkdNames, settled: linkdSettled, linkd: true},
	{what: "`linkd run`, by a label", command: linkdLabel, labels: addressLabel, settled: linkdSettled, linkd: true},
	{what: "`docker events` and a shell script", command: eventsScript, labels: addressLabel},
}

// followed is how long after its start event each container had a network that works.
type followed struct {
	what         string
	linkd        bool
	single, bulk []time.Duration
}

// measureContainers starts containers without a network, and has each follower wire them.
func measureContainers(s settings, dir string) ([]followed, error) {
	d, err := startDocker(s.engines, s.probe)
	if err != nil {
		return nil, err
	}
	defer d.process.end()
	var all []followed
	for _, f := range followers {
		one := followed{what: f.what, linkd: f.linkd}
		if one.single, err = d.follow(s, dir, f, oneAfterAnother, 1); err != nil {
			return all, fmt.Errorf("%s, one after another: %w", f.what, err)
		}
		if one.bulk, err = d.follow(s, dir, f, atOnce, atOnce); err != nil {
			return all, fmt.Errorf("%s, at once: %w", f.what, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %s ms one after another, %s ms at once\n", f.what, one.delays(one.single), one.delays(one.bulk))
		all = append(all, one)
	}
	return all, nil
}

// follow has n containers wired that are started side by side in the given number.
func (d *docker) follow(s settings, dir string, f follower, n, side int) (_ []time.Duration, err error) {
	scratch, err := os.MkdirTemp(dir, containersName)
	if err != nil {
		return nil, err
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("c%03d", i+1)
		var labels map[string]string
		if f.labels != nil {
			labels = f.labels(i)
		}
		if err := d.create(names[i], labels); err != nil {
			return nil, err
		}
	}
	command, err := f.command(s, scratch, names)
	if err != nil {
		return nil, err
	}
	process, err := inBackground(command)
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := process.end(); err == nil && f.linkd {
			err = stopped
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, &process.said)
		}
	}()
	if f.settled != nil {
		if err := f.settled(s.linkd, scratch); err != nil {
			return nil, err
		}
	}
	delays, err := d.startAll(names, side)
	if err != nil {
		return nil, err
	}
	if err := d.remove(names); err != nil {
		return nil, err
	}
	return delays, awaitNoCables()
}

// startAll starts the containers, as many side by side as told.
func (d *docker) startAll(names []string, side int) ([]time.Duration, error) {
	delays, errs := make([]time.Duration, len(names)), make([]error, len(names))
	var starting sync.WaitGroup
	places := make(chan struct{}, side)
	for i, name := range names {
		places <- struct{}{}
		starting.Go(func() {
			defer func() { <-places }()
			delays[i], errs[i] = d.start(name)
		})
	}
	starting.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return nil, errs[i]
	}
	return delays, nil
}

// awaitNoCables waits until the kernel has taken the cables away with the namespaces that they ended in.
func awaitNoCables() error {
	for limit := time.Now().Add(3 * patience); time.Now().Before(limit); time.Sleep(pause) {
		links, err := dump(netlink.LinkList)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(links, func(l netlink.Link) bool { return l.Type() == "veth" }) {
			return nil
		}
	}
	return fmt.Errorf("cables of containers that are gone stay behind")
}

func containerAddress(i int) string { return fmt.Sprintf("172.17.1.%d/16", i+1) }

const label = "linkd.address"

func addressLabel(i int) map[string]string { return map[string]string{label: containerAddress(i)} }

const containerCable = `  %s:
    kind: veth
    ends:
      - {netns: host, name: "%s", master: docker0}
      - {netns: %s, name: eth0, addresses: ["%s"], routes: [{to: default, via: ` + gateway + `}]}
`

func linkdNames(s settings, dir string, names []string) (*exec.Cmd, error) {
	var b strings.Builder
	b.WriteString("links:\n")
	for i, name := range names {
		fmt.Fprintf(&b, containerCable, name, "v"+name, "docker:"+name, containerAddress(i))
	}
	return linkdFollows(s.linkd, dir, b.String())
}

func linkdLabel(s settings, dir string, _ []string) (*exec.Cmd, error) {
	text := "namespaces:\n  each: {from: \"docker:label=" + label + "\"}\nlinks:\n"
	return linkdFollows(s.linkd, dir, text+fmt.Sprintf(containerCable, "each", "v{name}", "each", "{label:"+label+"}"))
}

func linkdFollows(binary, dir, text string) (*exec.Cmd, error) {
	if err := os.WriteFile(filepath.Join(dir, "links.yaml"), []byte(text), 0o644); err != nil {
		return nil, err
	}
	return exec.Command(binary, append([]string{"run"}, linkdFlags(dir)...)...), nil
}

func linkdFlags(dir string) []string {
	return []string{"--config", filepath.Join(dir, "links.yaml"), "--runtime-dir", filepath.Join(dir, "run")}
}

// linkdSettled waits for the first pass. Nothing runs yet, so it is not converged.
func linkdSettled(binary, dir string) error {
	limit := time.Now().Add(patience)
	for {
		out, err := exec.Command(binary, append([]string{"status"}, linkdFlags(dir)...)...).CombinedOutput()
		if err == nil || strings.Contains(string(out), "converging: ") {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("linkd does not get ready: %w: %s", err, out)
		}
		time.Sleep(pause)
	}
}

// chase is the fastest way that the kernel allows.
func chase(s settings, _ string, _ []string) (*exec.Cmd, error) {
	return exec.Command(s.chaser, label, gateway, benchGroup), nil
}

// eventsScript is what is written by hand for it: the commands of the job, for each container that the engine tells of.
func eventsScript(_ settings, dir string, _ []string) (*exec.Cmd, error) {
	script := filepath.Join(dir, "follow.sh")
	return exec.Command("sh", "-e", script), os.WriteFile(script, []byte(followScript), 0o644)
}

const followScript = `docker events --filter event=start --format '{{.Actor.Attributes.name}} {{index .Actor.Attributes "` + label + `"}}' |
while read -r name address; do
	pid=$(docker inspect --format '{{.State.Pid}}' $name)
	ln -sfn /proc/$pid/ns/net /run/netns/$name
	ip link add v$name type veth peer name eth0 netns $name
	ip link set v$name master docker0 up
	ip -n $name address add $address dev eth0
	ip -n $name link set eth0 up
	ip -n $name route add default via ` + gateway + `
	rm /run/netns/$name
done
`

// containers measures what needs an engine, where there is one.
func (r *report) containers(s settings, dir string) (err error) {
	if !slices.Contains(s.only, containersName) {
		return nil
	}
	if s.engines == "" {
		r.missing[containersName] = "-engines says where an engine is"
		return nil
	}
	r.followed, err = measureContainers(s, dir)
	return err
}

// containerTable prints the table of what was measured with containers.
func (r *report) containerTable(b *strings.Builder) {
	if len(r.followed) == 0 {
		return
	}
	fmt.Fprintf(b, "| ms from a container's start event to its first answered ping | %d one after another | %d at once |\n| --- | --- | --- |\n", oneAfterAnother, atOnce)
	for _, f := range r.followed {
		fmt.Fprintf(b, "| %s | %s | %s |\n", f.what, f.delays(f.single), f.delays(f.bulk))
	}
	b.WriteString("\n")
}

// soon is the promise: that long after a container has started, its network works.
const soon = 50 * time.Millisecond

func (f followed) delays(all []time.Duration) string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	worst := quantile(all, 0.99)
	text := fmt.Sprintf("median %.1f, p99 %.1f", ms(median(all)), ms(worst))
	if f.linkd && worst > soon {
		text += " **missed**"
	}
	return text
}
