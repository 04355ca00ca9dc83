package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"

	"linkd/pkg/graph"
	"linkd/pkg/history"
	"linkd/pkg/observe"
	"linkd/pkg/plain"
	"linkd/pkg/probe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
	"linkd/pkg/web"
)

// machine implements web.Machine with the rights of this user.
type machine struct {
	o *options

	mu sync.Mutex
	// stamp identifies what the files in force were read from, and inForce is what they declare.
	stamp   string
	inForce *inForce
	seen    *sight
}

// inForce are the files in force, and what they declare. Remark says what of them this user cannot read.
type inForce struct {
	files   []spec.File
	desired *spec.Desired
	remark  string
}

func newMachine(o *options) *machine { return &machine{o: o} }

// errNoLook says that a user other than root cannot look into namespaces.
var errNoLook = errors.New("permission denied: run linkd web as root to see this")

// known returns what the files declared that were in force at the last status.
func (m *machine) known() *inForce {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inForce == nil {
		return m.readInForce(nil)
	}
	return m.inForce
}

// filesInForce returns what the files in force declare. Those of a trial are in the history.
func (m *machine) filesInForce(status *reconcile.Status) *inForce {
	stamp := spec.Stamp(m.o.config) + fmt.Sprint(status.Files)
	if t := status.Trial; t != nil {
		stamp += t.Since.String()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inForce != nil && m.stamp == stamp && m.inForce.desired.Unknown == nil && len(m.inForce.desired.Templates) == 0 {
		return m.inForce
	}
	m.stamp, m.inForce = stamp, m.readInForce(status)
	return m.inForce
}

func (m *machine) readInForce(status *reconcile.Status) *inForce {
	in := &inForce{}
	files, err := spec.ReadFiles(m.o.config)
	if unread := unreadable(files, err); unread != "" {
		in.remark = unread
	}
	loader := spec.NewLoader(m.o.language(), m.o.inRuntimeDir(lastGoodFile))
	if status != nil && status.Trial != nil {
		if tried, err := m.tried(); err == nil {
			in.files = tried
			in.desired, _ = spec.Compile(m.o.language(), tried)
			return in
		}
		in.remark = "a trial runs, and this user cannot read its files: the picture is that of the files in the directory"
	}
	in.desired, _, _, _ = loader.Load(files)
	in.files = loader.InForce()
	return in
}

// unreadable says which files cannot be read; "" if all can.
func unreadable(files []spec.File, err error) string {
	if err == nil {
		for _, f := range files {
			if errors.Is(f.Err, fs.ErrPermission) {
				err = f.Err
			}
		}
	}
	if err == nil {
		return ""
	}
	return plain.Text(fmt.Sprintf("this user cannot read the files, so the picture lacks what they declare: %v", err))
}

// tried returns the files of the trial that runs.
func (m *machine) tried() ([]spec.File, error) {
	past := history.Open(m.o.historyDir())
	running, err := past.Trial()
	if running != nil {
		return past.Files(running.Number)
	}
	return nil, errors.Join(err, errors.New("the history does not have the trial"))
}

// Draw implements web.Machine.
func (m *machine) Draw(_ context.Context, status *reconcile.Status) *web.Wiring {
	in := m.filesInForce(status)
	m.mu.Lock()
	seen := m.seen
	m.mu.Unlock()
	w := &web.Wiring{Desired: in.desired, Files: in.files}
	if in.remark != "" {
		w.Remarks = append(w.Remarks, in.remark)
	}
	builder := graph.NewBuilder(func(remark string) { w.Remarks = append(w.Remarks, remark) })
	builder.AddDesired(in.desired)
	builder.SetStatus(status)
	if seen != nil {
		seen.tell(builder)
	}
	w.Picture = builder.Picture()
	if len(w.Remarks) > mostRemarks {
		w.Remarks = append(w.Remarks[:mostRemarks-1], fmt.Sprintf("and %d more", len(w.Remarks)-mostRemarks+1))
	}
	return w
}

// mostRemarks is how many remarks the page shows.
const mostRemarks = 5

// Look implements web.Machine.
func (m *machine) Look(ctx context.Context) bool {
	if os.Geteuid() != 0 {
		m.set(&sight{remarks: []string{"the picture lacks what no file declares: run linkd web as root to see that"}})
		return true
	}
	in := m.known()
	world, err := m.o.lookingWorld(ctx)
	if err != nil {
		m.set(&sight{remarks: []string{plain.Text(err.Error())}})
		return true
	}
	defer world.Close()
	seen := &sight{}
	err = reconcile.SelectNamespaces(world, seen, in.desired.Namespaces, nil)
	if err == nil {
		seen.found, err = reconcile.Find(ctx, drawnKinds(), world, reconcile.ReadJournal(m.o.inRuntimeDir(journalFile)), seen)
	}
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		// A namespace that ended during the look; the next look is without it.
		seen = &sight{remarks: []string{plain.Text(err.Error())}}
	}
	m.set(seen)
	return true
}

func (m *machine) set(seen *sight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = seen
}

// sight is what a look has found. It implements reconcile.Renderer, and tells a graph.Builder later what it was told.
type sight struct {
	declared, absent []toldNamespace
	names            []string
	found            []spec.Resource
	remarks          []string
}

// toldNamespace is a namespace, whether it is shown, and why it is absent.
type toldNamespace struct {
	spec.Namespace
	shown bool
	why   error
}

func (s *sight) Declare(ns spec.Namespace, shown bool) {
	s.declared = append(s.declared, toldNamespace{ns, shown, nil})
	if shown {
		s.names = append(s.names, ns.Name)
	}
}

func (s *sight) Shown() []string { return slices.Clone(s.names) }

func (s *sight) Absent(ns spec.Namespace, why error) {
	s.absent = append(s.absent, toldNamespace{ns, false, why})
}

func (s *sight) Remark(_, _, format string, args ...any) {
	s.remarks = append(s.remarks, plain.Text(fmt.Sprintf(format, args...)))
}

// tell adds what was found to a picture.
func (s *sight) tell(b *graph.Builder) {
	for _, ns := range s.declared {
		b.Declare(ns.Namespace, ns.shown)
	}
	for _, ns := range s.absent {
		b.Absent(ns.Namespace, ns.why)
	}
	b.AddFound(s.found)
	for _, remark := range s.remarks {
		b.Remark("", "", "%s", remark)
	}
}

// visit calls do with a namespace that the files name or that has a name.
func (m *machine) visit(ctx context.Context, netns string, do func(world *observe.World, desired *spec.Desired, session *observe.Session, ns *observe.NS) error) error {
	in := m.known()
	world, err := m.o.lookingWorld(ctx)
	if err != nil {
		return err
	}
	defer world.Close()
	name, err := declareForProbe(world, in.desired, netns)
	if err != nil {
		return err
	}
	session := world.NewSession()
	defer session.Close()
	ns, err := session.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		return errNoLook
	}
	if err != nil {
		return fmt.Errorf("open the namespace %s: %w", plain.Text(netns), err)
	}
	return do(world, in.desired, session, ns)
}

// Counters implements web.Machine.
func (m *machine) Counters(ctx context.Context, netns, name string) (counters *netlink.LinkStatistics64, err error) {
	err = m.visit(ctx, netns, func(_ *observe.World, _ *spec.Desired, _ *observe.Session, ns *observe.NS) error {
		index, err := ns.Index(name)
		if err != nil {
			return err
		}
		message, err := ns.LinkMessage(index)
		if err != nil {
			return err
		}
		link, err := netlink.LinkDeserialize(nil, message)
		if err != nil {
			return err
		}
		counters = (*netlink.LinkStatistics64)(link.Attrs().Statistics)
		return nil
	})
	if errors.Is(err, fs.ErrPermission) {
		err = errNoLook
	}
	return counters, err
}

// Probe implements web.Machine.
func (m *machine) Probe(ctx context.Context, name string) (*probe.Report, error) {
	desired := m.known().desired
	at := slices.IndexFunc(desired.Probes, func(p spec.Probe) bool { return p.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("the files declare no probe %q", name)
	}
	world, err := m.o.lookingWorld(ctx)
	if err != nil {
		return nil, err
	}
	defer world.Close()
	world.Declare(desired.Namespaces)
	report := probe.RunDeclared(ctx, world, desired, desired.Probes[at])
	return &report, nil
}
