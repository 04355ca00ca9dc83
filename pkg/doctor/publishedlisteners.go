package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var publishedListeners = newCheck("published-listeners", "no process listens on a port that the files publish",
	"The kernel forwards packets for a published port before it looks for a process that listens on the port. So other hosts do\nnot reach that process any more, even if it is sshd, and neither do packets that the namespace sends to its own addresses.\nThe process still receives packets to a loopback address on which it listens. doctor reports no process that listens on\nother addresses only, and no port for which another program has a rule, which `published-ports` reports.",
	func(ctx context.Context, m *Machine) ([]listener, error) {
		ruled, err := m.ruled(ctx)
		if err != nil {
			return nil, err
		}
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		var found []listener
		for at, s := range ruled {
			there, err := address.On(ctx, open[at.ns])
			if err != nil {
				return nil, err
			}
			var own []netip.Addr
			for _, prefix := range slices.Concat(slices.Collect(maps.Values(there))...) {
				own = append(own, prefix.Addr())
			}
			published := s.Published(own)
			if len(published) == 0 {
				continue
			}
			var waiting []socket
			err = open[at.ns].Do(func() (err error) {
				waiting, err = sockets()
				return err
			})
			if err != nil {
				return nil, err
			}
			ephemeral, err := setting(open[at.ns], "net/ipv4/ip_local_port_range")
			if err != nil {
				return nil, err
			}
			found = append(found, listenersOn(at, published, withoutClients(waiting, ephemeral))...)
		}
		inodes := map[uint32]bool{}
		for _, l := range found {
			inodes[l.inode] = true
		}
		if len(inodes) > 0 {
			who := holders(inodes)
			for i := range found {
				found[i].who = who[found[i].inode]
			}
		}
		return found, nil
	}, judgePublishedListeners)

// listener is a socket on a published port, and its process; "" if doctor cannot see the process.
type listener struct {
	socket
	place place
	port  iptables.Published
	who   string
}

// withoutClients removes the UDP sockets that may belong to clients: the kernel chooses their ports, and they receive answers even
// if the files publish the port.
func withoutClients(waiting []socket, ephemeral string) []socket {
	var first, last uint16
	if _, err := fmt.Sscan(ephemeral, &first, &last); err != nil {
		return waiting
	}
	return slices.DeleteFunc(waiting, func(s socket) bool {
		return s.protocol == unix.IPPROTO_UDP && first <= s.at.Port() && s.at.Port() <= last
	})
}

// mostListeners is the largest number of findings for a namespace.
const mostListeners = 16

func listenersOn(at place, published []iptables.Published, waiting []socket) (found []listener) {
	for _, s := range waiting {
		for _, p := range published {
			shadowed := s.protocol == p.Protocol && p.First <= s.at.Port() && s.at.Port() <= p.Last && slices.ContainsFunc(p.At, s.takes)
			// Several processes may share a port, and a process may have several sockets.
			again := slices.ContainsFunc(found, func(l listener) bool { return l.at == s.at && l.protocol == s.protocol })
			if shadowed && !again && len(found) < mostListeners {
				found = append(found, listener{socket: s, place: at, port: p})
			}
		}
	}
	return found
}

func judgePublishedListeners(files *spec.Desired, saw []listener) (findings []Finding) {
	slices.SortFunc(saw, func(a, b listener) int { return a.at.Compare(b.at) })
	for _, l := range saw {
		c := files.Resources.Get(l.port.Chain)
		if c == nil {
			continue
		}
		who := l.who
		if who == "" {
			who = "a process that linkd cannot see"
		}
		rest := "no packet reaches it there"
		if l.at.Addr().IsUnspecified() && !l.port.Loopback {
			rest = "only packets to a loopback address reach it"
		}
		findings = append(findings, Finding{
			Level: Warning, Text: fmt.Sprintf("in %s, %s listens on %s, but packets for that port go to %s: %s", l.place.ns, who, l.describe(), l.port.To, rest),
			Advice: "publish another port, or make the process listen on another one; to keep the process on other addresses, publish on one address only",
		}.of(c))
	}
	return findings
}

func (l listener) describe() string {
	if l.at.Addr().IsUnspecified() {
		return fmt.Sprintf("%s port %d", l.port.Name, l.at.Port())
	}
	return fmt.Sprintf("%s port %d of %s", l.port.Name, l.at.Port(), l.at.Addr())
}
