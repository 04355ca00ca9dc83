package sysctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the sysctls. Only some of them are announced (netconf: forwarding, proxy_arp, rp_filter and their like), and
// a device's come with the device.
var Kind = reconcile.Register[Sysctl](kindName, kind{}, reconcile.Capabilities[Sysctl]{
	Topics:    []observe.Topic{observe.NetconfTopic, observe.LinkTopic},
	Silent:    reconcile.Always[Sysctl],
	FromID:    kind{}.FromID,
	Settings:  kind{},
	Ownership: reconcile.Ownership[Sysctl]{Adopts: kind{}.ComesWith},
	Show:      kind{}.Show,
})

type kind struct{}

// Observe finds no settings to search for: a namespace has thousands, none of them marked, and each is a file to read.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[Sysctl]) ([]Sysctl, error) {
	switch query.Purpose {
	case reconcile.ToShow:
		return k.survey(ctx, ns, query.Wanted)
	case reconcile.ToSearch:
		return nil, nil
	}
	return k.observeWanted(ctx, ns, query.Wanted)
}

// observeWanted reads the settings that are asked for. One that is not there, or cannot be read, is not found; Create
// says why.
func (kind) observeWanted(ctx context.Context, ns *observe.NS, wanted []Sysctl) ([]Sysctl, error) {
	var have []Sysctl
	err := ns.Do(func() error {
		for _, w := range wanted {
			if err := ctx.Err(); err != nil {
				return err
			}
			value, err := readFrom(ns, w)
			switch {
			case err == nil:
				have = append(have, Sysctl{NS: w.NS, Path: w.Path, Dev: w.Dev, Value: value})
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EIO):
			default:
				return err
			}
		}
		return nil
	})
	return have, err
}

// FromID is the setting that an ID stands for, without its value.
func (kind) FromID(id spec.ID) (Sysctl, bool) {
	s, err := ofNamespace(id.NS, id.Key)
	return s, err == nil && id.Kind == kindName
}

// Owned implements reconcile.Kind: a setting is the kernel's own.
func (kind) Owned(Sysctl) bool { return false }

func (kind) Diff(want, have Sysctl) []reconcile.Field {
	var fields reconcile.Fields
	switch {
	case !want.Default:
		reconcile.Compare(&fields, "value", &want.Value, have.Value)
	case want.Dev != "":
		fields.Differ("value", have.Value, "the default")
	}
	return fields
}

// ComesWith reports whether a file asks to take over the setting with its link.
func (kind) ComesWith(want, _ Sysctl) bool { return want.Adopt }

// seen marks a value that was there before, which may be empty, as against one that nobody saw: a device that is made
// in one plan with its settings has had no value to look at.
const seen = "="

func (kind) Before(_, have Sysctl) (string, bool) {
	if have.Path == "" {
		return "", true
	}
	return seen + have.Value, true
}

func (kind) Prior(have Sysctl, before string) Sysctl {
	value, known := strings.CutPrefix(before, seen)
	have.Value, have.Default = value, !known
	return have
}

// Create is asked for a setting that was not found. It may be one that has no value until one is written (stable_secret
// of IPv6 reads as EIO), or a device's that is not there yet; else it is an error.
func (k kind) Create(ctx context.Context, ns *observe.NS, want Sysctl) error {
	err := ns.Do(func() error {
		_, err := readFrom(ns, want)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(ns, want)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: it cannot be read, so nothing can be said of its value: it is a trigger, or shut to linkd", err)
	}
	return k.Update(ctx, ns, want, Sysctl{})
}

func (kind) Update(_ context.Context, ns *observe.NS, want, _ Sysctl) error {
	err := ns.Do(func() (err error) {
		if want.Default {
			if want.Value, err = read(want.template()); err != nil {
				return err
			}
		}
		return atPath(ns, want, func(path string) error { return write(path, want.Value) })
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(ns, want)
	case want.Default && errors.Is(err, unix.EIO):
		// stable_secret, which cannot be unset.
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		return fmt.Errorf("%w: the kernel refused the value %q", err, want.Value)
	}
	return err
}

// Delete has nothing to do: a setting goes with its device or its namespace, and is otherwise put back by Update.
func (kind) Delete(context.Context, *observe.NS, Sysctl) error { return nil }

// missing says why a setting is not there.
func missing(ns *observe.NS, s Sysctl) error {
	if s.Dev != "" {
		_, err := ns.LinkByName(s.Dev)
		if errors.Is(err, unix.ENODEV) {
			return observe.Pendingf("there is no device %s in %s", s.Dev, ns.Name)
		}
		if err != nil {
			return err
		}
	}
	if strings.HasPrefix(s.Path, "net/ipv6/") {
		return ns.ExplainIPv6(s.Dev, fmt.Errorf("there is no %s", s.ID().Key))
	}
	for _, m := range modules {
		if strings.HasPrefix(s.Path, m.path) {
			return fmt.Errorf("there is no %s: is the module %s loaded?", s.ID().Key, m.name)
		}
	}
	return fmt.Errorf("there is no %s in %s: this kernel does not know it, or has it in the host's namespace only", s.ID().Key, ns.Name)
}

// modules are where settings come from that are not there from the start.
var modules = []struct{ path, name string }{
	{"net/bridge/", "br_netfilter"},
	{"net/netfilter/nf_conntrack", "nf_conntrack"},
	{"net/mpls/", "mpls_router"},
}

// A thread sees the settings of the network namespace that it is in (net_ctl_header_lookup in net/sysctl_net.c), so
// what follows runs on a thread of NS.Do.

const root = "/proc/sys/net"

// readFrom reads a setting of a namespace.
func readFrom(ns *observe.NS, s Sysctl) (value string, err error) {
	err = atPath(ns, s, func(path string) error {
		value, err = read(path)
		return err
	})
	return value, err
}

// atPath does something with the file of a setting.
func atPath(ns *observe.NS, s Sysctl, do func(path string) error) error {
	err := do(s.Path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if path := pathIn(ns, s); path != s.Path {
		return do(path)
	}
	return err
}

// pathIn is where a setting is. Those of a device are under its first name, and the files may know it by an alternative one
// (neigh_sysctl_register and devinet_sysctl_register in net/core/neighbour.c and net/ipv4/devinet.c use dev->name).
func pathIn(ns *observe.NS, s Sysctl) string {
	parts := strings.Split(s.Path, "/")
	const device = 3
	if s.Dev == "" || len(parts) <= device {
		return s.Path
	}
	if name, err := ns.FirstName(s.Dev); err == nil {
		parts[device] = name
	}
	return strings.Join(parts, "/")
}

func read(path string) (string, error) {
	file, err := locate(path)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	return fold(string(text)), err
}

// write hands the value over in one piece: the kernel takes a write at the start of the file only
// (sysctl_writes_strict in Documentation/admin-guide/sysctl/kernel.rst).
func write(path, value string) error {
	file, err := locate(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(value + "\n")
	return err
}

// locate keeps a path inside root, whatever stands there.
func locate(path string) (string, error) {
	return securejoin.SecureJoin(root, strings.TrimPrefix(path, "net/"))
}
