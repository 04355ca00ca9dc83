package observe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Identity identifies a network namespace until the machine reboots. A name, a PID and an inode number can be used
// again for another namespace.
type Identity string

// NS is an open network namespace. It keeps the namespace alive, so linkd holds it for one pass at most: the
// interfaces of a container must end with the container.
type NS struct {
	// Name is the name of the namespace in the files.
	Name string
	// Path leads to the namespace; it may be a symbolic link.
	Path string
	// Identity is the identity of this namespace, even if Path leads to another one later.
	Identity Identity
	world    *World
	session  *Session
	fd       int
	route    *routeSocket

	mu    sync.Mutex
	links *Links
	// asked are the links that Some asked for since the last Forget; nil for one that does not exist.
	asked map[linkKey]*Link
	// partial: links are not all links of the namespace.
	partial bool
	id      int // see ID; NoID until somebody asks for it
}

// openNamespace opens the file at path, and refuses a file that is no network namespace. It returns a bare file
// descriptor, because a namespace can neither be read nor polled. The path may lead to any file, so the open must not
// block, as it would on a pipe without a writer.
func openNamespace(path string) (fd int, err error) {
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if err := checkNamespace(fd, path); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// creationTime is the age up to which an empty file in NetnsDir may be a mount point that ip-netns(8) has just made
// for a new namespace.
const creationTime = 200 * time.Millisecond

func isBeingMade(path string) bool {
	var st unix.Stat_t
	return filepath.Dir(path) == NetnsDir && unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0 &&
		time.Since(time.Unix(st.Ctim.Unix())) < creationTime
}

// openSocket opens a route socket inside the namespace and reads the namespace's cookie from it.
func openSocket(fd int) (sock *routeSocket, id Identity, err error) {
	err = inNamespace(fd, func() (err error) {
		if sock, err = newRouteSocket(); err == nil {
			id, err = identify(sock.fd, fd)
		}
		return err
	})
	return sock, id, err
}

// identify reads the namespace's cookie, which is never used again, unlike the inode number. Linux has it since 5.14.
func identify(socket, fd int) (Identity, error) {
	if cookie, err := unix.GetsockoptUint64(socket, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE); err == nil {
		return Identity(strconv.FormatUint(cookie, 10)), nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	return Identity(fmt.Sprintf("%s%d-%d", byInode, st.Dev, st.Ino)), nil
}

const byInode = "inode-"

// reused reports whether the kernel may give the same identity to a later namespace.
func (id Identity) reused() bool { return strings.HasPrefix(string(id), byInode) }

func (ns *NS) close() {
	if ns.route != nil {
		ns.route.close()
	}
	unix.Close(ns.fd)
}

// FD returns the file descriptor of the namespace, for requests that name it (IFLA_NET_NS_FD).
func (ns *NS) FD() int { return ns.fd }

// Other opens another namespace by its name in the files.
func (ns *NS) Other(name string) (*NS, error) { return ns.session.Open(name) }

// World returns the world of the namespace.
func (ns *NS) World() *World { return ns.world }

// Do runs f on a thread inside the namespace.
func (ns *NS) Do(f func() error) error { return inNamespace(ns.FD(), f) }

// maxDumps is how often an interrupted dump is tried before the look fails.
const maxDumps = 10

// Request sends a request and returns its answers of type answer (0: any). It repeats a dump that the kernel marked
// as interrupted (NLM_F_DUMP_INTR: something changed during the dump, and an entry may be missing), and never returns
// part of one.
func (ns *NS) Request(req *nl.NetlinkRequest, answer uint16) ([][]byte, error) {
	return ns.RequestSome(req, answer, nil)
}

// RequestSome does the same as Request for the answers that keep accepts. It may call keep several times for an
// answer. Rejected answers cost almost nothing, even a hundred thousand.
func (ns *NS) RequestSome(req *nl.NetlinkRequest, answer uint16, keep func(msg []byte) bool) ([][]byte, error) {
	for try := 1; ; try++ {
		msgs, err := ns.execute(req, answer, keep)
		switch {
		case errors.Is(err, netlink.ErrDumpInterrupted) && try < maxDumps:
		case errors.Is(err, netlink.ErrDumpInterrupted):
			return nil, fmt.Errorf("%s: interrupted %d times: %w", ns.Name, try, err)
		default:
			return msgs, err
		}
	}
}

// Change sends a request that has only an acknowledgement as answer. It drops the cached links.
func (ns *NS) Change(req *nl.NetlinkRequest) error {
	ns.Forget()
	req.Flags |= unix.NLM_F_ACK
	_, err := ns.Request(req, 0)
	return err
}

// Links returns the namespace's links as of the first call since the last Forget: every kind needs names and indexes
// of links, and one dump is enough for all.
func (ns *NS) Links(ctx context.Context) (*Links, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.links == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		links, err := dumpLinks(ns)
		if err != nil {
			return nil, fmt.Errorf("%s: list links: %w", ns.Name, err)
		}
		ns.links = links
	}
	return ns.links, nil
}

// Forget drops the cached links.
func (ns *NS) Forget() {
	ns.mu.Lock()
	ns.links, ns.asked = nil, nil
	ns.mu.Unlock()
}

// Index asks the kernel for the present index of a link. linkd works with names and looks up an index right before it
// uses it. SIOCGIFINDEX (netdevice(7)) does not wait for rtnl, the lock for changes of links.
func (ns *NS) Index(name string) (int, error) {
	req, err := ns.ifreq(name, unix.SIOCGIFINDEX)
	if err != nil {
		return 0, err
	}
	return int(req.Uint32()), nil
}

// NameOf asks the kernel for the present name of the link with an index, or "". SIOCGIFNAME does not wait for rtnl
// either.
func (ns *NS) NameOf(index int) (string, error) {
	req, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	req.SetUint32(uint32(index))
	switch err := unix.IoctlIfreq(ns.route.fd, unix.SIOCGIFNAME, req); {
	case errors.Is(err, unix.ENODEV):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%s: look up interface %d: %w", ns.Name, index, err)
	}
	return req.Name(), nil
}

// Flags asks the kernel for a link's flags (IFF_*), in the same way.
func (ns *NS) Flags(name string) (uint16, error) {
	req, err := ns.ifreq(name, unix.SIOCGIFFLAGS)
	if err != nil {
		return 0, err
	}
	return req.Uint16(), nil
}

func (ns *NS) ifreq(name string, what uint) (*unix.Ifreq, error) {
	req, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(ns.route.fd, what, req)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: look up %s: %w", ns.Name, name, err)
	}
	return req, nil
}

// FirstName returns the kernel's name of the link with a name, which may be an alternative one.
func (ns *NS) FirstName(name string) (string, error) {
	req, err := ns.ifreq(name, unix.SIOCGIFINDEX)
	if err == nil {
		err = unix.IoctlIfreq(ns.route.fd, unix.SIOCGIFNAME, req)
	}
	if err != nil {
		return "", err
	}
	return req.Name(), nil
}

// LinkByName asks the kernel for the present state of a link.
func (ns *NS) LinkByName(name string) (*Link, error) {
	msg, err := ns.link(nl.NewIfInfomsg(unix.AF_UNSPEC), named(name))
	if err != nil {
		return nil, fmt.Errorf("%s: look up %s: %w", ns.Name, name, err)
	}
	return ns.parseLink(msg)
}

// LinkByIndex asks the kernel for the present state of a link. The error is ENODEV if there is no such link.
func (ns *NS) LinkByIndex(index int) (*Link, error) {
	msg, err := ns.LinkMessage(index)
	if err != nil {
		return nil, err
	}
	return ns.parseLink(msg)
}

// LinkMessage returns the kernel's message about the link with an index, without its counters: an ifinfomsg and its
// attributes (rtnetlink(7)). The error is ENODEV if there is no such link.
func (ns *NS) LinkMessage(index int) ([]byte, error) { return ns.link(indexed(index)) }

func (ns *NS) link(by ...nl.NetlinkRequestData) ([]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	req.Data = append(by, nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	msgs, err := ns.Request(req, unix.RTM_NEWLINK)
	if err == nil && len(msgs) == 0 {
		err = unix.ENODEV
	}
	if err != nil {
		return nil, err
	}
	return msgs[0], nil
}

// HardwareAddr formats a link-layer address; nil and empty are "".
func HardwareAddr(b []byte) string { return net.HardwareAddr(b).String() }
