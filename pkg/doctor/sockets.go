package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/plain"
)

// socket is a socket of a namespace that receives connections, or packets from any sender.
type socket struct {
	protocol uint8
	// at has the unspecified address of the family if the socket is not bound to an address. An IPv6 socket then receives both
	// families, unless onlyIPv6.
	at       netip.AddrPort
	onlyIPv6 bool
	inode    uint32
}

// The layout of struct inet_diag_req_v2 and struct inet_diag_msg (linux/inet_diag.h).
const (
	diagRequestSize = 56
	diagPortAt      = 4
	diagAddressAt   = 8
	diagInodeAt     = 68
	diagMessageSize = 72
	diagOnlyIPv6    = 11 // INET_DIAG_SKV6ONLY
)

// waiting has the states of such sockets by protocol: TCP_LISTEN for TCP, and TCP_CLOSE for UDP, the state of unconnected sockets.
var waiting = map[uint8]uint32{unix.IPPROTO_TCP: 1 << 10, unix.IPPROTO_UDP: 1 << 7}

// mostSockets is how many sockets of a protocol and a family doctor reads.
const mostSockets = 10_000

// diagRequest is a struct inet_diag_req_v2.
type diagRequest [diagRequestSize]byte

func (r diagRequest) Len() int          { return len(r) }
func (r diagRequest) Serialize() []byte { return r[:] }

// sockets returns the sockets of the thread's namespace. It fails if the kernel would have to load a module for that.
func sockets() (found []socket, err error) {
	for _, module := range []string{"inet_diag", "tcp_diag", "udp_diag"} {
		if observe.Unloaded(module) {
			return nil, fmt.Errorf("the module %s is not loaded, and doctor loads no module: run ss -ltun once", module)
		}
	}
	for protocol, states := range waiting {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			r := diagRequest{family, protocol}
			binary.NativeEndian.PutUint32(r[4:], states)
			req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
			req.AddData(r)
			count := 0
			err := req.ExecuteIter(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY, func(msg []byte) bool {
				if s, ok := parseSocket(protocol, msg); ok {
					found = append(found, s)
				}
				count++
				return count < mostSockets
			})
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EAFNOSUPPORT) {
				return nil, fmt.Errorf("list the sockets: %w", err)
			}
		}
	}
	return found, nil
}

func parseSocket(protocol uint8, msg []byte) (s socket, ok bool) {
	if len(msg) < diagMessageSize {
		return s, false
	}
	size := 4
	if msg[0] == unix.AF_INET6 {
		size = 16
	}
	ip, _ := netip.AddrFromSlice(msg[diagAddressAt : diagAddressAt+size])
	s = socket{protocol: protocol, inode: binary.NativeEndian.Uint32(msg[diagInodeAt:])}
	s.at = netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(msg[diagPortAt:]))
	attrs, err := observe.Attrs(msg[diagMessageSize:])
	s.onlyIPv6 = err == nil && len(attrs[diagOnlyIPv6]) == 1 && attrs[diagOnlyIPv6][0] != 0
	return s, true
}

// takes reports whether the socket receives packets to an address.
func (s socket) takes(ip netip.Addr) bool {
	at := s.at.Addr()
	if !at.IsUnspecified() {
		return at == ip
	}
	return at.Is4() == ip.Is4() || at.Is6() && !s.onlyIPv6
}

// mostLinks is how many open files of all processes doctor reads to find the owners of sockets.
const mostLinks = 1 << 18

// holders returns the processes that have the sockets, by inode, without those that this user cannot see.
func holders(inodes map[uint32]bool) map[uint32]string {
	found := map[uint32]string{}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return found
	}
	links := 0
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil || links > mostLinks {
			continue
		}
		dir := filepath.Join("/proc", p.Name())
		open, err := os.Open(filepath.Join(dir, "fd"))
		if err != nil {
			continue
		}
		names, _ := open.Readdirnames(mostLinks - min(links, mostLinks-1))
		open.Close()
		links += len(names)
		for _, name := range names {
			target, err := os.Readlink(filepath.Join(dir, "fd", name))
			number, is := strings.CutPrefix(target, "socket:[")
			if err != nil || !is {
				continue
			}
			inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 32)
			if err != nil || !inodes[uint32(inode)] || found[uint32(inode)] != "" {
				continue
			}
			command, err := os.ReadFile(filepath.Join(dir, "comm"))
			if err == nil {
				found[uint32(inode)] = fmt.Sprintf("%s (process %s)", plain.Text(strings.TrimSpace(string(command))), p.Name())
			}
		}
	}
	return found
}
