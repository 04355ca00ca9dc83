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

// backend is the iptables of one family for one of the kernel's two backends: nf_tables, or the legacy ip_tables.
type backend struct {
	family family
	legacy bool
	// prefix starts the names of its programs: iptables for the system's default, or for example iptables-legacy.
	prefix string
	// standard: it is the system's default.
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

// backend returns the system's default, which all other programs use, too, such as Docker. Its programs run in the thread's
// namespace, whose identity is ns.
func (f family) backend(ctx context.Context, ns observe.Identity) (*backend, error) {
	path, err := exec.LookPath(f.name)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: %w", f.name, err)
	}
	known, err := probes.of(ctx, f, path)
	if err != nil {
		return nil, err
	}
	// iptables-restore waits for the lock since this version.
	if major, minor, patch := known.one.GetIptablesVersion(); slices.Compare([]int{major, minor, patch}, []int{1, 6, 2}) < 0 {
		return nil, fmt.Errorf("%s is version %d.%d.%d, and linkd needs 1.6.2 at least", f.name, major, minor, patch)
	}
	return &backend{family: f, legacy: known.legacy, prefix: f.name, standard: true, ns: ns, one: known.one}, nil
}

// other returns the other backend, or nil if it is not installed.
func (b *backend) other() *backend {
	o := &backend{family: b.family, legacy: !b.legacy, ns: b.ns}
	o.prefix = b.family.name + "-" + o.String()
	if _, err := exec.LookPath(o.prefix + "-save"); err != nil {
		return nil
	}
	return o
}

// tables reads all tables, without creating one. Call it, and all functions below, inside the namespace. An incompletely printed
// table is an error: linkd never takes rules that it did not see for missing ones.
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
	// An unreadable table must not hide the others.
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

// save runs iptables-save, and parses its output.
func (b *backend) save(ctx context.Context, args ...string) (tables map[string]*table, err error) {
	var wrong error
	err = b.read(ctx, b.prefix+"-save", append([]string{"--counters"}, args...), func(from io.Reader) error {
		tables, wrong = readTables(from)
		if errors.As(wrong, new(formatError)) {
			// The reason why the program ended is more important.
			return nil
		}
		return wrong
	})
	return tables, cmp.Or(err, wrong)
}

// isAll returns an error if a table of the kernel is not among the printed ones. A table may have disappeared in between.
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

// born returns the existing tables. Reading a table with the legacy programs creates it, and from then on every packet passes
// through it. If there is no table, linkd need not run a program.
func (b *backend) born() ([]string, error) {
	if !b.legacy {
		if observe.Unloaded("nf_tables") {
			// A request would load the module.
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
		// If a network namespace was created before its user namespace had a root, the file belongs to the machine's root
		// (xt_proto_init in net/netfilter/x_tables.c). Then linkd cannot tell anything about the backend that is not in use.
		return nil, nil
	}
	return strings.Fields(string(text)), err
}

// readNames reads a file with a few names. The runtime's poller, which os.ReadFile uses, costs more than reading the file.
func readNames(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	// There are five tables, with names shorter than 32 bytes.
	text := make([]byte, 4096)
	n, err := unix.Read(fd, text)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return text[:n], nil
}
