package observe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// Identity tells network namespaces apart for as long as the machine runs: a name or a PID may come to mean another
// namespace, and an inode number is used again.
type Identity string

// NS is an open network namespace. It keeps the namespace alive, so it is held for one pass at most: a container's
// interfaces have to go when the container does, whether or not linkd looks.
type NS struct {
	// Name is the name by which the files know the namespace.
	Name string
	// Path leads to the namespace; it may be a symbolic link.
	Path string
	// Identity is this very namespace, whatever is at Path later.
	Identity Identity
	world    *World
	session  *Session
	fd       int
	route    *nl.SocketHandle

	mu    sync.Mutex
	links *Links
	// partly: links are not all that there are.
	partly bool
	id     int // see ID; NoID until it is asked for
}

// openNamespace opens what is at path, and refuses what is not a network namespace. It is a bare file descriptor
// because nothing in it can be read or waited for. The path may lead to anything, so the open must not wait either, as
// it would for somebody to write to a pipe.
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

// beingMade is how long ago an empty file in NetnsDir may have been made for it to be one over which a namespace is
// just about to be mounted, as ip-netns(8) does it.
const beingMade = 200 * time.Millisecond

func isBeingMade(path string) bool {
	var st unix.Stat_t
	return filepath.Dir(path) == NetnsDir && unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0 &&
		time.Since(time.Unix(st.Ctim.Unix())) < beingMade
}

// openSocket opens a route socket inside the namespace and reads the namespace's cookie from it.
func openSocket(fd int) (sock *nl.SocketHandle, id Identity, err error) {
	err = inNamespace(fd, func() error {
		s, err := nl.Subscribe(unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("open a route socket: %w", err)
		}
		// The kernel's own words say more than an errno: "Nexthop has invalid gateway" against "no route to host".
		_ = s.SetExtAck(true)
		// Strict checking makes the kernel filter dumps by what the request says (netlink(7), since 4.20).
		_ = unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
		// No number of a request is one that another socket had with the same port (see echoes).
		sock = &nl.SocketHandle{Socket: s, Seq: rand.Uint32()}
		id, err = identify(s.GetFd(), fd)
		return err
	})
	return sock, id, err
}

// identify reads the namespace's cookie: never used twice, unlike the inode number, but only known since 5.14.
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

// reused tells whether the kernel may give the same identity to a later namespace.
func (id Identity) reused() bool { return strings.HasPrefix(string(id), byInode) }

func (ns *NS) close() {
	if ns.route != nil {
		ns.route.Close()
	}
	unix.Close(ns.fd)
}

// FD is the namespace as a file, for requests that name it (IFLA_NET_NS_FD).
func (ns *NS) FD() int { return ns.fd }

// Other opens another namespace by its name in the files.
func (ns *NS) Other(name string) (*NS, error) { return ns.session.Open(name) }

// World is the set of namespaces that this one is part of.
func (ns *NS) World() *World { return ns.world }

// Do runs f on a thread inside the namespace.
func (ns *NS) Do(f func() error) error { return inNamespace(ns.FD(), f) }

// maxDumps is how often a dump that was interrupted is tried again before the look is given up.
const maxDumps = 10

// Request sends a request and returns its answers of type answer (0: any). A dump that the kernel marked as
// interrupted is tried again from the start, and its parts are never handed out (NLM_F_DUMP_INTR: something changed
// in between, and an entry may be missing).
func (ns *NS) Request(req *nl.NetlinkRequest, answer uint16) ([][]byte, error) {
	return ns.RequestSome(req, answer, nil)
}

// RequestSome is Request for those of the answers that keep chooses, each of which it may be asked about several times: of a
// hundred thousand, the others cost next to nothing.
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

// Change sends a request that is answered by an acknowledgement alone. What is known of the links is forgotten.
func (ns *NS) Change(req *nl.NetlinkRequest) error {
	ns.Forget()
	req.Flags |= unix.NLM_F_ACK
	_, err := ns.Request(req, 0)
	return err
}

// Links are the namespace's links as they were at the first call since the last Forget: a link's index and name are
// needed by every kind, and one dump serves them all.
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

// Forget drops what Links knew.
func (ns *NS) Forget() {
	ns.mu.Lock()
	ns.links = nil
	ns.mu.Unlock()
}

// Index asks the kernel for the present index of a link: names are what linkd deals in, and an index is looked up
// right before it is used. SIOCGIFINDEX (netdevice(7)) does not wait for the lock that everything about links takes.
func (ns *NS) Index(name string) (int, error) {
	req, err := ns.ifreq(name, unix.SIOCGIFINDEX)
	if err != nil {
		return 0, err
	}
	return int(req.Uint32()), nil
}

// NameOf asks for the present name of the link with an index; "" where there is none. SIOCGIFNAME does not wait for that lock,
// either.
func (ns *NS) NameOf(index int) (string, error) {
	req, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	req.SetUint32(uint32(index))
	switch err := unix.IoctlIfreq(ns.route.Socket.GetFd(), unix.SIOCGIFNAME, req); {
	case errors.Is(err, unix.ENODEV):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%s: look up interface %d: %w", ns.Name, index, err)
	}
	return req.Name(), nil
}

// Flags asks for a link's flags (IFF_*), in the same way.
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
		err = unix.IoctlIfreq(ns.route.Socket.GetFd(), what, req)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: look up %s: %w", ns.Name, name, err)
	}
	return req, nil
}

// FirstName is the kernel's name of the link with that name, which may be an alternative one.
func (ns *NS) FirstName(name string) (string, error) {
	req, err := ns.ifreq(name, unix.SIOCGIFINDEX)
	if err == nil {
		err = unix.IoctlIfreq(ns.route.Socket.GetFd(), unix.SIOCGIFNAME, req)
	}
	if err != nil {
		return "", err
	}
	return req.Name(), nil
}

// LinkByName is the link as it is now.
func (ns *NS) LinkByName(name string) (*Link, error) {
	msg, err := ns.link(nl.NewIfInfomsg(unix.AF_UNSPEC), named(name))
	if err != nil {
		return nil, fmt.Errorf("%s: look up %s: %w", ns.Name, name, err)
	}
	return ns.parseLink(msg)
}

// LinkMessage is the kernel's message about the link with that index, without its counters: an ifinfomsg and its attributes
// (rtnetlink(7)). Where there is none, the error is ENODEV.
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
