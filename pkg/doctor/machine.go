package doctor

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/control"
	"linkd/pkg/kind/iptables"
	"linkd/pkg/observe"
	"linkd/pkg/observe/engine"
	"linkd/pkg/spec"
)

// Machine is what can be looked at. What several checks ask for is looked at once.
type Machine struct {
	// Desired is what the files ask for, as far as they are valid; Invalid is what is wrong with them, and Unreadable why
	// they could not be read at all.
	Desired    *spec.Desired
	Invalid    spec.Errors
	Unreadable error
	// World is one in which nothing is changed: see observe.World.LookOnly. Closed is why there is none.
	World  *observe.World
	Closed error
	// Engines are those that selectors name, Docker among them.
	Engines []*engine.Finder
	// RuntimeDir is where the daemon would be asked, and Version that of this program.
	RuntimeDir, Version string

	daemon    *asked
	firewalls map[place]*firewall
}

type asked struct {
	*control.Identity
	err error
}

// place is a family of addresses in a namespace, by the name of the kind of its rules.
type place struct{ ns, family string }

type firewall struct {
	*iptables.Firewall
	err error
}

// running is the daemon that runs; the error is control.ErrNoDaemon where there is none.
func (m *Machine) running(ctx context.Context) (*control.Identity, error) {
	if m.daemon == nil {
		socket := filepath.Join(m.RuntimeDir, control.SocketName)
		if err := unix.Access(socket, unix.W_OK); errors.Is(err, unix.EACCES) {
			// There may well be one, which this user may not ask.
			m.daemon = &asked{err: &os.PathError{Op: "connect", Path: socket, Err: err}}
			return nil, m.daemon.err
		}
		id, err := control.NewClient(m.RuntimeDir).Identity(ctx)
		m.daemon = &asked{id, err}
	}
	return m.daemon.Identity, m.daemon.err
}

// linkd is the process to look at for what linkd may do: the daemon where one runs, and else this one.
func (m *Machine) linkd(ctx context.Context) (pid int, who string) {
	if id, err := m.running(ctx); err == nil {
		return id.PID, "the daemon"
	}
	return os.Getpid(), "linkd, as it was started now,"
}

// namespaces are linkd's own, and those that the files name and that are there, by name.
func (m *Machine) namespaces() (map[string]*observe.NS, error) {
	if m.Closed != nil {
		return nil, m.Closed
	}
	open := map[string]*observe.NS{spec.Host: m.World.Host()}
	for _, name := range slices.Sorted(maps.Keys(m.Desired.Namespaces)) {
		if ns, err := m.World.Open(name); err == nil {
			open[name] = ns
		}
	}
	return open, nil
}

// families are the names of the kinds of rules.
var families = []string{iptables.Kind.Name, iptables.Kind6.Name}

func familyOf(ip netip.Addr) string {
	if ip.Is4() {
		return families[0]
	}
	return families[1]
}

// firewall looks at the rules of a namespace. Where the programs are missing, which is another check's business, it is nil.
func (m *Machine) firewall(ctx context.Context, ns *observe.NS, family string) (*iptables.Firewall, error) {
	at := place{ns.Name, family}
	if m.firewalls == nil {
		m.firewalls = map[place]*firewall{}
	}
	if m.firewalls[at] == nil {
		s, err := iptables.Look(ctx, ns, family, m.Desired.Resources)
		if errors.Is(err, exec.ErrNotFound) {
			err = nil
		}
		m.firewalls[at] = &firewall{s, err}
	}
	return m.firewalls[at].Firewall, m.firewalls[at].err
}

// ruled are the firewalls of all places in which the files have rules.
func (m *Machine) ruled(ctx context.Context) (map[place]*iptables.Firewall, error) {
	ruled := map[place]*iptables.Firewall{}
	open, err := m.namespaces()
	if err != nil {
		return nil, err
	}
	for _, ns := range open {
		for _, family := range families {
			if len(m.Desired.Resources.In(ns.Name, family)) == 0 {
				continue
			}
			s, err := m.firewall(ctx, ns, family)
			if err != nil {
				return nil, err
			}
			if s != nil {
				ruled[place{ns.Name, family}] = s
			}
		}
	}
	if len(ruled) == 0 {
		return nil, needless("the files have no rules of iptables in a namespace that is there")
	}
	return ruled, nil
}

func byPlace[T any](m map[place]T) []place {
	return slices.SortedFunc(maps.Keys(m), func(a, b place) int {
		return strings.Compare(a.ns+" "+a.family, b.ns+" "+b.family)
	})
}

// setting reads a setting of a namespace, by its path below /proc/sys; "" where there is none.
func setting(ns *observe.NS, path string) (value string, err error) {
	err = ns.Do(func() error {
		text, err := os.ReadFile(filepath.Join("/proc/sys", path))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		value = strings.TrimSpace(string(text))
		return err
	})
	return value, err
}
