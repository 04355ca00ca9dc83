package iptables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	goiptables "github.com/coreos/go-iptables/iptables"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// backend is the iptables of one family that speak to one of the kernel's two: nf_tables, or the legacy ip_tables.
type backend struct {
	family family
	legacy bool
	// prefix is what the names of its programs begin with: iptables, as the system has it by default, or
	// iptables-legacy.
	prefix string
	// standard: it is the one that the system has by default.
	standard bool
	// ns is the namespace in which its programs run.
	ns observe.Identity
	// forwards: that namespace forwards packets of the family.
	forwards bool
	// one runs single commands; nil for the backend that is not the default.
	one *goiptables.IPTables
}

func (b *backend) String() string {
	if b.legacy {
		return "legacy"
	}
	return "nft"
}

// backend is the one that the system has by default: whatever else is there uses it too, Docker for one. Its programs
// run in the namespace that the thread is in, whose identity is ns.
func (f family) backend(ctx context.Context, ns observe.Identity) (*backend, error) {
	path, err := exec.LookPath(f.name)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: %w", f.name, err)
	}
	known, err := probes.of(ctx, f, path)
	if err != nil {
		return nil, err
	}
	// Since then iptables-restore waits for the lock.
	if major, minor, patch := known.one.GetIptablesVersion(); slices.Compare([]int{major, minor, patch}, []int{1, 6, 2}) < 0 {
		return nil, fmt.Errorf("%s is version %d.%d.%d, and linkd needs 1.6.2 at least", f.name, major, minor, patch)
	}
	return &backend{family: f, legacy: known.legacy, prefix: f.name, standard: true, ns: ns, one: known.one}, nil
}

// other is the other backend, or nil where that is not installed.
func (b *backend) other() *backend {
	o := &backend{family: b.family, legacy: !b.legacy, ns: b.ns}
	o.prefix = b.family.name + "-" + o.String()
	if _, err := exec.LookPath(o.prefix + "-save"); err != nil {
		return nil
	}
	return o
}

// tables reads all tables, without making one. It has to run inside the namespace, as has all that follows. A table of
// which not all was printed is an error: linkd never takes rules that it did not see for rules that are not there.
func (b *backend) tables(ctx context.Context) (map[string]*table, error) {
	born, err := b.born()
	if err != nil || len(born) == 0 {
		return nil, err
	}
	tables, err := b.save(ctx)
	if err == nil {
		return tables, b.isAll(tables, born)
	}
	if !errors.As(err, new(formatError)) {
		return nil, err
	}
	// What cannot be read in one of them must not hide the others.
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	tables = map[string]*table{}
	for _, name := range born {
		one, err := b.save(ctx, "-t", name)
		if errors.As(err, new(formatError)) {
			one = map[string]*table{name: {name: name, unreadable: fmt.Errorf("the table %s cannot be read: %w", name, err)}}
		} else if err != nil {
			return nil, err
		}
		maps.Copy(tables, one)
	}
	return tables, b.isAll(tables, born)
}

// save runs iptables-save, and reads what it prints.
func (b *backend) save(ctx context.Context, args ...string) (tables map[string]*table, err error) {
	var wrong error
	err = b.read(ctx, b.prefix+"-save", append([]string{"--counters"}, args...), func(from io.Reader) error {
		tables, wrong = readTables(from)
		if errors.As(wrong, new(formatError)) {
			// Why the program ended matters more.
			return nil
		}
		return wrong
	})
	return tables, cmp.Or(err, wrong)
}

// isAll wants each table that the kernel has to be among those that were printed. One may have gone since.
func (b *backend) isAll(tables map[string]*table, born []string) error {
	lacking := slices.DeleteFunc(born, func(name string) bool { return tables[name] != nil })
	if len(lacking) == 0 {
		return nil
	}
	now, err := b.born()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(slices.Values(lacking)) {
		if slices.Contains(now, name) {
			return fmt.Errorf("%s-save did not print the table %s, which is there", b.prefix, name)
		}
	}
	return nil
}

// born are the tables that are there. Looking at a table with the legacy programs makes it, and from then on every packet
// goes through it; and where there is none, there is nothing to run a program for.
func (b *backend) born() ([]string, error) {
	if !b.legacy {
		if observe.Unloaded("nf_tables") {
			// To ask for it would load it.
			return nil, nil
		}
		tables, err := nftTables(b.family.inet)
		return slices.DeleteFunc(tables, func(name string) bool { _, ours := hooks[name]; return !ours }), err
	}
	text, err := readNames("/proc/thread-self/net/" + b.family.born)
	if errors.Is(err, os.ErrNotExist) {
		// The module is not loaded.
		return nil, nil
	}
	if errors.Is(err, os.ErrPermission) && !b.standard {
		// Of a network that was made before its user namespace had a root, the file is the machine's root's (xt_proto_init in
		// net/netfilter/x_tables.c). Of the backend that is not in use nothing can be said then.
		return nil, nil
	}
	return strings.Fields(string(text)), err
}

// readNames reads a file of a few names. The runtime's poller, which os.ReadFile goes through, costs more than the file.
func readNames(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	// There are five tables, and their names are shorter than 32 bytes each.
	text := make([]byte, 4096)
	n, err := unix.Read(fd, text)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return text[:n], nil
}
