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

// Kind is the kind of sysctls. The kernel announces only some of them (see announced), and a device, which comes with its settings.
// linkd watches the files of others, but not all of them, and not through each mount of proc. So the kind is silent.
var Kind = reconcile.Register[Sysctl](kindName, kind{}, reconcile.Capabilities[Sysctl]{
	Topics:    []observe.Topic{observe.NetconfTopic, observe.LinkTopic},
	Silent:    reconcile.Always[Sysctl],
	FromID:    kind{}.FromID,
	Settings:  kind{},
	Ownership: reconcile.Ownership[Sysctl]{Adopts: kind{}.ComesWith},
	Show:      kind{}.Show,
	Contents:  contents,
})

type kind struct{}

// Observe finds the desired settings, or those to show. A search for marks finds none: a namespace has thousands of settings, each
// in a file of its own, and none has a mark.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[Sysctl]) ([]Sysctl, error) {
	switch query.Purpose {
	case reconcile.ToShow:
		return k.survey(ctx, ns, query.Wanted)
	case reconcile.ToSearch:
		return nil, nil
	}
	return k.observeWanted(ctx, ns, query.Wanted)
}

// observeWanted reads the desired settings. It leaves out those that do not exist or cannot be read; Create returns the reason.
func (kind) observeWanted(ctx context.Context, ns *observe.NS, wanted []Sysctl) ([]Sysctl, error) {
	var have []Sysctl
	err := ns.Do(func() error {
		for _, w := range wanted {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, path := range append(overwriters(w.Path), w.Path) {
				if !announced(path) {
					ns.WatchSetting(path, locate)
				}
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

// FromID returns the setting that an ID stands for, without its value.
func (kind) FromID(id spec.ID) (Sysctl, bool) {
	s, err := ofNamespace(id.NS, id.Key)
	return s, err == nil && id.Kind == kindName
}

// Owned returns false, because settings are the kernel's own.
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

// seen is the prefix of an earlier value in the journal. Without it there was no earlier value to read, because the plan created
// the device; with it, the value may be empty.
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

// Create sets a setting that was not found: one without a value, such as stable_secret of IPv6, which reads as EIO, or one of a
// device that the plan created. For other settings it returns why they do not exist.
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
		return atPath(ns, want, func(path string) error {
			failed := ns.WritesSetting(path)
			err := write(path, want.Value)
			if err != nil {
				failed()
			}
			return err
		})
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(ns, want)
	case want.Default && errors.Is(err, unix.EIO):
		// This is stable_secret, which cannot be unset.
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		return fmt.Errorf("%w: the kernel refused the value %q", err, want.Value)
	}
	return err
}

// Delete does nothing: the kernel deletes a setting with its device or namespace, and Update restores the others.
func (kind) Delete(context.Context, *observe.NS, Sysctl) error { return nil }

// missing returns the error for a setting that does not exist.
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

// modules are the kernel modules that create settings, by the beginning of the path.
var modules = []struct{ path, name string }{
	{"net/bridge/", "br_netfilter"},
	{"net/netfilter/nf_conntrack", "nf_conntrack"},
	{"net/mpls/", "mpls_router"},
}

// A thread sees the settings of its own network namespace (net_ctl_header_lookup in net/sysctl_net.c), so call the functions below
// inside NS.Do.

const root = "/proc/sys/net"

// readFrom reads a setting of a namespace.
func readFrom(ns *observe.NS, s Sysctl) (value string, err error) {
	err = atPath(ns, s, func(path string) error {
		value, err = read(path)
		return err
	})
	return value, err
}

// atPath calls do with the path of a setting's file.
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

// pathIn returns the path of a setting. The path of a device's setting has the device's main name (neigh_sysctl_register in
// net/core/neighbour.c, devinet_sysctl_register in net/ipv4/devinet.c), while the files may use an alternative name.
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

// write writes the value with one system call, because the kernel accepts a write only at the start of the file
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

// locate returns a path inside root, and follows no symbolic link out of it.
func locate(path string) (string, error) {
	return securejoin.SecureJoin(root, strings.TrimPrefix(path, "net/"))
}
