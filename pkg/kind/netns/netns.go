// Package netns is the names of namespaces in /run/netns: those of namespaces that linkd makes, and those under which
// it shows namespaces found elsewhere.
package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/link"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is names in /run/netns. They are things of linkd's own namespace.
var Kind = reconcile.Register[*Name]("netns", kind{}, observe.NamespaceTopic)

const createKey, exposeKey = "create", "expose"

// Keys are what a namespace says of its name.
func Keys() []spec.Key {
	return []spec.Key{
		spec.NewKey(createKey, "linkd makes /run/netns/NAME, and removes it once it is not declared", func(c *spec.Context, create bool) {
			if s := c.Selector(); create && (s.Scheme != "name" || s.Value != c.NS) {
				c.Reject(c.Source(), "create makes /run/netns/%s, so it cannot go with from: %s", c.NS, s)
			} else if create {
				add(c, &Name{Made: true})
			}
		}),
		spec.NewKey(exposeKey, "the namespace is shown as /run/netns/NAME, so that ip-netns(8) can be used on it", func(c *spec.Context, expose bool) {
			if s := c.Selector(); expose && (s.Scheme == "name" || s.Scheme == spec.Host) {
				c.Reject(c.Source(), "%s has no other name to be shown under: leave out expose", s)
			} else if expose {
				add(c, &Name{})
			}
		}),
	}
}

func add(c *spec.Context, n *Name) {
	n.Host, n.Name, n.Source = c.HostNamespace(), c.NS, c.Source()
	c.Add(n)
}

// Name is an entry of /run/netns.
type Name struct {
	// Host is where the name is: linkd's own namespace.
	Host, Name string
	// Made: a namespace is mounted there. Otherwise it is a symbolic link to Target.
	Made   bool
	Target string
	Source spec.Source

	// identity is the mounted namespace's; stray says what is there if it is neither.
	identity observe.Identity
	stray    string
	// exposes: it is a symbolic link to where the namespace is found. inhabited: processes are in the mounted namespace. Only
	// a survey tells.
	exposes, inhabited bool
	// leads is what a symbolic link leads to, or has to.
	leads file
}

// file is a file, by whatever path; zero for none.
type file struct{ dev, inode uint64 }

func fileAt(path string) file {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return file{}
	}
	return file{st.Dev, st.Ino}
}

// ID implements spec.Resource.
func (n *Name) ID() spec.ID { return spec.ID{NS: n.Host, Kind: "netns", Key: n.Name} }

// Needs implements spec.Resource.
func (n *Name) Needs() []spec.ID { return nil }

// Origin implements spec.Resource.
func (n *Name) Origin() spec.Source { return n.Source }

// MakesNamespace implements reconcile.NamespaceMaker.
func (n *Name) MakesNamespace() string {
	if n.Made {
		return n.Name
	}
	return ""
}

func (n *Name) path() string { return filepath.Join(observe.NetnsDir, n.Name) }

type kind struct{}

// Observe has nothing to say: only the names of interest are looked at.
func (kind) Observe(context.Context, *observe.NS) ([]*Name, error) { return nil, nil }

// FromID implements reconcile.Selective. An ID that a damaged journal tells of must not lead out of the directory.
func (kind) FromID(id spec.ID) (*Name, bool) {
	return &Name{Host: id.NS, Name: id.Key}, spec.CheckNSName(id.Key) == nil
}

// ObserveWanted implements reconcile.Selective.
func (kind) ObserveWanted(_ context.Context, ns *observe.NS, wanted []*Name) (found []*Name, err error) {
	for _, w := range wanted {
		n := &Name{Host: ns.Name, Name: w.Name}
		info, err := os.Lstat(n.path())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case info.Mode()&fs.ModeSymlink != 0:
			if n.Target, err = os.Readlink(n.path()); err != nil {
				return nil, err
			}
			n.leads = fileAt(n.path())
		default:
			if open, err := ns.Other(w.Name); err == nil && open.Path == n.path() {
				n.Made, n.identity = true, open.Identity
			} else {
				n.stray = describeFile(n.path(), info)
				if n.stray == otherNamespace {
					// Linkd's own, maybe, under a name that the files now give to another.
					err := ns.World().Visit(n.path(), func(there *observe.NS) error {
						n.identity = there.Identity
						return nil
					})
					if err != nil {
						return nil, err
					}
				}
			}
		}
		found = append(found, n)
	}
	return found, nil
}

func (n *Name) mounted() bool { return n.Made || n.stray == otherNamespace }

// What can stand under a name that is neither a namespace found there nor a symbolic link.
const (
	otherNamespace = "another namespace"
	emptyFile      = "an empty file"
	plainFile      = "a plain file"
)

func describeFile(path string, info fs.FileInfo) string {
	var st unix.Statfs_t
	switch {
	case unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC:
		return otherNamespace
	case info.Mode().IsRegular() && info.Size() == 0:
		return emptyFile
	}
	return plainFile
}

// Owned: a name carries no mark; the journal knows which ones linkd made.
func (kind) Owned(*Name) bool { return false }

// Fingerprint implements reconcile.Unmarked: a namespace that somebody else made under the same name is another one.
// The empty file is what a kill leaves between it and the mount, on the way up or down.
func (kind) Fingerprint(have *Name) string {
	switch {
	case have.mounted():
		return string(have.identity)
	case have.stray == emptyFile:
		return ""
	case have.stray != "":
		return have.stray
	}
	return have.Target
}

// Complete implements reconcile.Completer: a name shows a namespace where it was found.
func (kind) Complete(world *observe.World, want *Name) (*Name, error) {
	if want.Made {
		return want, nil
	}
	ns, err := world.Open(want.Name)
	if err != nil {
		return want, err
	}
	complete := *want
	complete.Target, complete.leads = ns.Path, fileAt(ns.Path)
	return &complete, nil
}

func (kind) Diff(want, have *Name) []reconcile.Field {
	var fs reconcile.Fields
	if w, h := want.describe(), have.describe(); w != h {
		fs.Differ("file", h, w)
		// An engine tells later than the kernel where a namespace is, and a path ends with a process.
		fs[0].Moved = want.Target != "" && have.Target != "" && (have.leads == want.leads || have.leads == file{})
	}
	return fs
}

func (n *Name) describe() string {
	switch {
	case n.stray != "":
		return n.stray
	case n.Made:
		return "a namespace"
	}
	return "-> " + n.Target
}

// Create makes the file, and the namespace if it is to be made.
func (kind) Create(_ context.Context, ns *observe.NS, want *Name) error {
	if err := makeDir(); err != nil {
		return err
	}
	if !want.Made {
		err := os.Symlink(want.Target, want.path())
		if target, _ := os.Readlink(want.path()); errors.Is(err, fs.ErrExist) && target == want.Target {
			return nil
		}
		return err
	}
	if err := ns.World().Mounting(share); err != nil {
		return err
	}
	f, err := os.OpenFile(want.path(), os.O_RDONLY|os.O_CREATE|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	f.Close()
	return want.mount(ns.World())
}

// makeDir makes the directory as ip-netns(8) does, for everybody to list. A service's umask is not an administrator's.
func makeDir() error {
	err := os.Mkdir(observe.NetnsDir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return errors.Join(err, os.Chmod(observe.NetnsDir, 0o755))
}

// mount makes a namespace and mounts it over the empty file.
func (n *Name) mount(world *observe.World) error {
	err := observe.NewNamespace(func(path string) error {
		return world.Mounting(func() error { return unix.Mount(path, n.path(), "none", unix.MS_BIND, "") })
	})
	if err != nil {
		return errors.Join(fmt.Errorf("mount at %s: %w", n.path(), err), os.Remove(n.path()))
	}
	return nil
}

// share makes mounts of names appear in the other mount namespaces, and disappear from them: without that a
// namespace unmounted here would live on in them (ip-netns(8) does the same).
func share() error {
	const dir = observe.NetnsDir
	err := unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	// Only a mount point can be shared.
	if err := unix.Mount(dir, dir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
}

// Update points a symbolic link at where the namespace is now, or finishes what a kill left half made.
func (kind) Update(_ context.Context, ns *observe.NS, want, have *Name) error {
	if want.Made && have.stray == emptyFile {
		if err := ns.World().Mounting(share); err != nil {
			return err
		}
		return want.mount(ns.World())
	}
	if want.Made || have.Made || have.stray != "" {
		return fmt.Errorf("%s is %s, and would have to be %s: remove it", want.path(), have.describe(), want.describe())
	}
	// Not by renaming one over the other: who is killed over that would leave a name nobody knows of.
	if err := os.Remove(want.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(want.Target, want.path())
}

// Delete takes the name away. A namespace lives on for as long as a process is in it. A file with something in it is
// not what a kill left behind.
func (kind) Delete(ctx context.Context, ns *observe.NS, have *Name) error {
	if have.stray == plainFile {
		return nil
	}
	if have.mounted() {
		same := false
		err := ns.World().Visit(have.path(), func(there *observe.NS) error {
			if same = there.Identity == have.identity; !same {
				return nil
			}
			return refuseForeign(ctx, there)
		})
		if errors.Is(err, fs.ErrNotExist) || (err == nil && !same) {
			// It has gone since the look, and another namespace of that name is somebody else's.
			return nil
		}
		if err != nil {
			return err
		}
		err = ns.World().Mounting(func() error { return unix.Unmount(have.path(), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) })
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if err := os.Remove(have.path()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// refuseForeign is the last look for what Victims would have found: it may have come since, or be known under another
// name of the namespace.
func refuseForeign(ctx context.Context, ns *observe.NS) error {
	links, err := ns.Links(ctx)
	if err != nil {
		return err
	}
	for _, l := range links.All {
		if !link.Marked(l) && !slices.Contains(fallback, l.Name) {
			return fmt.Errorf("to delete it would end %s, which linkd did not make", l.Name)
		}
	}
	return nil
}

// fallback are devices that the kernel puts into every namespace when their modules are loaded.
var fallback = []string{"lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"}

// Victims implements reconcile.Victims: interfaces end with their namespace, and a real one falls back to the host.
func (kind) Victims(have *Name, found []spec.Resource) (links []spec.ID) {
	if !have.Made {
		return nil
	}
	for _, r := range found {
		if id := r.ID(); id.Kind == "link" && id.NS == have.Name && !slices.Contains(fallback, id.Key) {
			links = append(links, id)
		}
	}
	return links
}
