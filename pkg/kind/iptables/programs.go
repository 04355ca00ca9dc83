package iptables

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	goiptables "github.com/coreos/go-iptables/iptables"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
	"linkd/pkg/observe"
)

// backend is the iptables of one family that speak to one of the kernel's two: nf_tables, or the legacy ip_tables.
type backend struct {
	family family
	legacy bool
	// prefix is what the names of its programs begin with: iptables, as the system has it by default, or
	// iptables-legacy.
	prefix string
	// one runs single commands; nil for the backend that is not the default.
	one *goiptables.IPTables
}

func (b *backend) String() string {
	if b.legacy {
		return "legacy"
	}
	return "nft"
}

// probed keeps what was learnt of a program, by the file that it really is: the alternatives system may put another in
// its place.
var probed sync.Map

// backend is the one that the system has by default: whatever else is there uses it too, Docker for one.
func (f family) backend() (*backend, error) {
	path, err := exec.LookPath(f.name)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: %w", f.name, err)
	}
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	key := path + " " + file
	if b, known := probed.Load(key); known {
		return b.(*backend), nil
	}
	one, err := goiptables.New(goiptables.IPFamily(f.protocol), goiptables.Timeout(lockWait), goiptables.Path(path))
	if err != nil {
		return nil, err
	}
	// Since then iptables-restore waits for the lock.
	if major, minor, patch := one.GetIptablesVersion(); slices.Compare([]int{major, minor, patch}, []int{1, 6, 2}) < 0 {
		return nil, fmt.Errorf("%s is version %d.%d.%d, and linkd needs 1.6.2 at least", f.name, major, minor, patch)
	}
	// The library knows this too, and does not tell.
	version, err := run(context.Background(), "", path, "--version")
	if err != nil {
		return nil, err
	}
	b := &backend{family: f, legacy: !strings.Contains(version, "nf_tables"), prefix: f.name, one: one}
	probed.Store(key, b)
	return b, nil
}

// other is the other backend, or nil where that is not installed.
func (b *backend) other() *backend {
	o := &backend{family: b.family, legacy: !b.legacy}
	o.prefix = b.family.name + "-" + o.String()
	if _, err := exec.LookPath(o.prefix + "-save"); err != nil {
		return nil
	}
	return o
}

// tables reads all tables, without making one. It has to run inside the namespace, as has all that follows.
func (b *backend) tables(ctx context.Context) (map[string]*table, error) {
	born, err := b.born()
	if err != nil || len(born) == 0 {
		return nil, err
	}
	text, err := run(ctx, "", b.prefix+"-save", "--counters")
	if err != nil {
		return nil, err
	}
	tables, err := readTables(text)
	if err == nil {
		return tables, nil
	}
	// What cannot be read in one of them must not hide the others.
	tables = map[string]*table{}
	for _, name := range born {
		text, err := run(ctx, "", b.prefix+"-save", "--counters", "-t", name)
		if err != nil {
			return nil, err
		}
		one, err := readTables(text)
		if err != nil {
			tables[name] = &table{name: name, unreadable: fmt.Errorf("the table %s cannot be read: %w", name, err)}
		}
		maps.Copy(tables, one)
	}
	return tables, nil
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
	text, err := os.ReadFile("/proc/thread-self/net/" + b.family.born)
	if errors.Is(err, os.ErrNotExist) {
		// The module is not loaded.
		return nil, nil
	}
	if errors.Is(err, os.ErrPermission) && b.one == nil {
		// Of a network that was made before its user namespace had a root, the file is the machine's root's (xt_proto_init in
		// net/netfilter/x_tables.c). Of the backend that is not in use nothing can be said then.
		return nil, nil
	}
	return strings.Fields(string(text)), err
}

// nftTables asks nf_tables for the names of the tables of a family.
func nftTables(family int) (names []string, err error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: uint8(family), Version: nl.NFNETLINK_V0})
	msgs, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		// The kernel has no nf_tables: to nfnetlink that is no subsystem it knows (nfnetlink_rcv_msg).
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the tables of nf_tables: %w", err)
	}
	for _, msg := range msgs {
		if len(msg) < nl.SizeofNfgenmsg {
			continue
		}
		attrs, err := observe.Attrs(msg[nl.SizeofNfgenmsg:])
		if err != nil {
			return nil, err
		}
		names = append(names, unix.ByteSliceToString(attrs[unix.NFTA_TABLE_NAME]))
	}
	return names, nil
}

// outputLimit is how much of a program's output linkd reads: two million rules. In a container's namespace it is the
// container's processes that decide how many there are.
const outputLimit = 256 << 20

// run runs a program to its end, and returns what it prints.
func run(ctx context.Context, input, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(input)
	// What a killed linkd had begun must not be done after the next one has looked.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := bounded.Output(cmd, outputLimit)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", &failure{filepath.Base(program), exit}
	}
	return string(out), err
}

// failure is a program that ended badly.
type failure struct {
	program string
	*exec.ExitError
}

func (e *failure) Unwrap() error { return e.ExitError }

func (e *failure) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.program, e.ExitError, strings.TrimSpace(string(e.Stderr)))
}
