package path

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// mostListeners is how many listening sockets linkd looks at in a namespace.
const mostListeners = 100_000

// diagRequest is struct inet_diag_req_v2 (linux/inet_diag.h).
type diagRequest struct {
	family, protocol uint8
	states           uint32
}

const diagRequestSize = 56

func (r diagRequest) Len() int { return diagRequestSize }

func (r diagRequest) Serialize() []byte {
	b := make([]byte, diagRequestSize)
	b[0], b[1] = r.family, r.protocol
	binary.NativeEndian.PutUint32(b[4:], r.states)
	return b
}

const (
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY in linux/sock_diag.h
	tcpListen        = 10 // TCP_LISTEN in net/tcp_states.h
	diagHeaderSize   = 72 // struct inet_diag_msg
)

// listeners are the addresses and ports on which TCP sockets of a namespace listen. The family of IPv6 has those of both.
func listeners(ns *observe.NS, family uint8) (found []netip.AddrPort, err error) {
	err = ns.Do(func() error {
		req := nl.NewNetlinkRequest(sockDiagByFamily, unix.NLM_F_DUMP)
		req.AddData(diagRequest{family, unix.IPPROTO_TCP, 1 << tcpListen})
		return req.ExecuteIter(unix.NETLINK_SOCK_DIAG, 0, func(msg []byte) bool {
			if len(msg) < diagHeaderSize {
				return true
			}
			size := 4
			if family == unix.AF_INET6 {
				size = 16
			}
			// The address follows the family, state, timer, retransmissions, and both ports (struct inet_diag_sockid).
			ip, _ := netip.AddrFromSlice(msg[8 : 8+size])
			found = append(found, netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(msg[4:])))
			return len(found) < mostListeners
		})
	})
	return found, err
}

// listens checks whether something listens where the packet arrives.
func (w *walk) listens(ns *observe.NS) error {
	found, err := listeners(ns, unix.AF_INET6)
	if err == nil && w.to.Addr().Is4() {
		var own []netip.AddrPort
		own, err = listeners(ns, unix.AF_INET)
		found = append(found, own...)
	}
	if err != nil {
		w.note(Socket, Doubtful, "linkd cannot tell whether anything listens on port %d: %v", w.to.Port(), err)
		return nil
	}
	var elsewhere []string
	for _, at := range found {
		if at.Port() != w.to.Port() {
			continue
		}
		if at.Addr() == w.to.Addr() || at.Addr().IsUnspecified() && (at.Addr().Is6() || w.to.Addr().Is4()) {
			w.note(Socket, "", "a program listens on %s", at)
			return nil
		}
		elsewhere = append(elsewhere, at.String())
	}
	advice := fmt.Sprintf("start the service in %s, or correct the port", ns.Name)
	what := fmt.Sprintf("nothing listens on %s", w.to)
	if slices.Sort(elsewhere); len(elsewhere) > 0 {
		what += ", only on " + strings.Join(slices.Compact(elsewhere), ", ")
		advice = fmt.Sprintf("have the service listen on %s, or on all addresses", w.to.Addr())
	}
	w.stop(Socket, what, advice)
	return nil
}
