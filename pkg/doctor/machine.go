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

// Machine is what the checks look at. It caches what several checks need. One goroutine uses it.
type Machine struct {
	// Desired is the desired state of the valid files, Invalid the errors of the others, and Unreadable why linkd could not read
	// the files.
	Desired    *spec.Desired
	Invalid    spec.Errors
	Unreadable error
	// World changes nothing, see observe.World.LookOnly. Closed is why linkd could not open it.
	World  *observe.World
	Closed error
	// Engines has the engines to which selectors can refer.
	Engines []*engine.Finder
	// RuntimeDir is the daemon's runtime directory, and Version the version of this program.
	RuntimeDir, Version string

	daemon    *asked
	firewalls map[place]*firewall
}

type asked struct {
	*control.Identity
	err error
}

// place is an address family in a namespace. The family is the name of the kind of its rules.
type place struct{ ns, family string }

type firewall struct {
	*iptables.Firewall
	err error
}

// running returns the running daemon. The error is control.ErrNoDaemon if there is none.
func (m *Machine) running(ctx context.Context) (*control.Identity, error) {
	if m.daemon == nil {
		socket := filepath.Join(m.RuntimeDir, control.SocketName)
		if err := unix.Access(socket, unix.W_OK); errors.Is(err, unix.EACCES) {
			// There may be a daemon that this user may not ask.
			m.daemon = &asked{err: &os.PathError{Op: "connect", Path: socket, Err: err}}
			return nil, m.daemon.err
		}
		id, err := control.NewClient(m.RuntimeDir).Identity(ctx)
		m.daemon = &asked{id, err}
	}
	return m.daemon.Identity, m.daemon.err
}

// linkd returns the process whose rights matter: the daemon if it runs, otherwise this process.
func (m *Machine) linkd(ctx context.Context) (pid int, who string) {
	if id, err := m.running(ctx); err == nil {
		return id.PID, "the daemon"
	}
	return os.Getpid(), "linkd, as it was started now,"
}

// namespaces returns linkd's own namespace and the existing declared ones, by name.
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

// families are the names of the kinds of rules, one for each address family.
var families = []string{iptables.Kind.Name, iptables.Kind6.Name}

func familyOf(ip netip.Addr) string {
	if ip.Is4() {
		return families[0]
	}
	return families[1]
}

// firewall returns the rules of a namespace; nil if the programs for it are missing, which another check reports.
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

// ruled returns the firewalls of all places for which the files have rules.
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
		return nil, needless("the files declare no iptables rules in an existing namespace")
	}
	return ruled, nil
}

func byPlace[T any](m map[place]T) []place {
	return slices.SortedFunc(maps.Keys(m), func(a, b place) int {
		return strings.Compare(a.ns+" "+a.family, b.ns+" "+b.family)
	})
}

// setting reads a setting of a namespace, by its path below /proc/sys; "" if it does not exist.
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
