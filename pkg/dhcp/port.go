package dhcp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// mostPackets is how many packets of other hosts a client reads while it waits for one answer.
const mostPackets = 256

// carrier is how messages travel in a version of IP.
type carrier struct {
	protocol uint16
	// filter passes whole packets of UDP to the client's port (packet(7), SO_ATTACH_FILTER).
	filter []unix.SockFilter
	// everyone is the group of all servers, and everyMAC its link-layer address.
	everyone netip.Addr
	everyMAC net.HardwareAddr
	// pack returns a packet with a message from the client's port to the server's, and unpack the message in one that comes; nil for none.
	pack   func(from, to netip.Addr, message []byte) []byte
	unpack func(packet []byte) (message []byte, from netip.Addr)
}

// carrierOf returns the carrier for a client.
func carrierOf(ipv6 bool) *carrier {
	if ipv6 {
		return carrier6
	}
	return carrier4
}

// port is a packet socket on an interface. While it is open, the namespace does not end.
type port struct {
	packets  *observe.PacketSocket
	index    int
	identity observe.Identity
	mac      net.HardwareAddr
	// own is the address from which a client without a lease sends.
	own netip.Addr
	*carrier
	// interrupted: nobody waits for an answer any more.
	interrupted atomic.Bool
}

// openPort opens a port on the interface of a client, if that can send. The error is for status.
func openPort(world *observe.World, client spec.LeaseClient) (*port, error) {
	ns, device := client.NS, client.Device
	session := world.NewSession()
	defer session.Close()
	in, err := session.Open(ns)
	if err != nil {
		return nil, err
	}
	link, err := in.LinkByName(device)
	switch {
	case errors.Is(err, unix.ENODEV), err == nil && link == nil:
		return nil, observe.Pendingf("%s does not exist yet", device)
	case err != nil:
		return nil, err
	case !link.Up():
		return nil, observe.Pendingf("%s is down", device)
	case link.Flags&unix.IFF_RUNNING == 0:
		return nil, observe.Pendingf("%s has no carrier", device)
	}
	p := &port{index: link.Index, identity: in.Identity, carrier: carrierOf(client.IPv6), own: netip.IPv4Unspecified()}
	if p.mac, err = net.ParseMAC(link.MAC); err != nil || len(p.mac) != 6 || link.Flags&unix.IFF_LOOPBACK != 0 {
		return nil, fmt.Errorf("%s has no Ethernet address, which DHCP needs", device)
	}
	if client.IPv6 {
		if p.own, err = linkLocal(in, link); err != nil {
			return nil, err
		}
	}
	if p.packets, err = in.OpenPackets(p.index, p.protocol, p.filter); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *port) close() { p.packets.Close() }

// linkLocal returns the address from which a client of DHCPv6 sends (RFC 8415, 13.1).
func linkLocal(in *observe.NS, link *observe.Link) (netip.Addr, error) {
	found, err := address.LinkLocals(in, link)
	if err != nil {
		return netip.Addr{}, err
	}
	reason := "has no IPv6 link-local address, from which a DHCPv6 client sends"
	for _, a := range found {
		switch {
		case a.DADFailed:
			reason = "cannot use its IPv6 link-local address, which another host has"
		case a.Tentative:
			reason = "has a tentative IPv6 link-local address: duplicate address detection is not over yet"
		default:
			return a.Prefix.Addr(), nil
		}
	}
	return netip.Addr{}, observe.Pendingf("%s %s", link.Name, reason)
}

// send sends a message from an address: to one server, whose link-layer address may be unknown (nil), or to all.
func (p *port) send(message []byte, from, server netip.Addr, mac net.HardwareAddr) error {
	to := p.everyMAC
	if len(mac) == 6 {
		to = mac
	}
	return p.packets.Send(p.pack(from, server, message), to)
}

// receive returns the next message that comes until a time, and the addresses that sent it. It returns nil if none comes, or if
// interrupt has been called.
func (p *port) receive(until time.Time) (message []byte, from netip.Addr, mac net.HardwareAddr) {
	if p.packets.SetReadDeadline(until) != nil || p.interrupted.Load() {
		return nil, from, nil
	}
	buf := make([]byte, largestPacket)
	for range mostPackets {
		n, sender, err := p.packets.Receive(buf)
		if err != nil {
			return nil, from, nil
		}
		if message, from := p.unpack(buf[:n]); message != nil && sender != nil {
			return message, from, sender
		}
	}
	return nil, from, nil
}

// interrupt ends a receive that waits, and makes later ones return at once. It may be called from any goroutine.
func (p *port) interrupt() {
	p.interrupted.Store(true)
	_ = p.packets.SetReadDeadline(time.Unix(1, 0))
}
