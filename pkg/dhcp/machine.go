package dhcp

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// state is a state of a client (RFC 2131, figure 5). A client without a lease selects, unless it has chosen an offer or asks for the
// address that it had.
type state int

const (
	selecting state = iota
	requesting
	rebooting
	bound
	renewing
	rebinding
)

const (
	// firstPause is the pause before a message is sent again, which doubles up to lastPause (RFC 2131, 4.1).
	firstPause = 2 * time.Second
	lastPause  = 64 * time.Second
	// mostRequests is how often a client asks for an offered address, or for that which it had, before it gives that up.
	mostRequests = 4
	// unnoticed is how often a client asks without an answer before status says so.
	unnoticed = 2
)

// machine is the state machine of a DHCPv4 client. It does no I/O and reads no clock. One goroutine uses it.
type machine struct {
	mac      net.HardwareAddr
	hostname string
	// lease is the lease in force; nil for none.
	lease *Lease
	// lacks says why there is no lease.
	lacks string

	state state
	xid   dhcpv4.TransactionID
	began time.Time
	tries int
	// due is when to call send next.
	due   time.Time
	offer Lease
	// asked is the address that the client asks for.
	asked netip.Addr
	// naks counts refusals since the last lease, so that a server that refuses everything is asked less and less often.
	naks int
}

// newMachine returns a client that has a lease from an earlier run, or nil. It asks whether the lease still holds.
func newMachine(lease *Lease, hostname string) *machine {
	return &machine{lease: lease, hostname: hostname, lacks: "no DHCP server has answered yet"}
}

// begin begins on an interface: with the lease, or with the address of an earlier one, or without. Another link-layer address is
// another client to the server.
func (m *machine) begin(mac net.HardwareAddr, now time.Time) {
	m.mac, m.naks = mac, 0
	m.enter(selecting, now)
	if m.lease != nil && m.lease.MAC != mac.String() {
		m.lease = nil
	}
	if m.lease != nil {
		m.asked = m.lease.Prefix.Addr()
		m.enter(rebooting, now)
	}
}

// enter begins a state, whose first message is due at a time.
func (m *machine) enter(s state, at time.Time) {
	m.state, m.tries, m.due, m.began = s, 0, at, at
	for i := range m.xid {
		m.xid[i] = byte(rand.Uint32())
	}
}

// expire ends a lease that has ended.
func (m *machine) expire(now time.Time) {
	if m.lease != nil && !now.Before(m.lease.End) {
		m.lacks = fmt.Sprintf("the lease for %s ended at %s, and no DHCP server has renewed it", m.lease.Prefix.Addr(), m.lease.End.Format(time.TimeOnly))
		m.asked = m.lease.Prefix.Addr()
		m.lease = nil
		m.enter(selecting, now)
	}
}

// listens reports whether an answer can come.
func (m *machine) listens() bool { return m.state != bound }

// send returns the message that is due, or nil, and when to call it next. unicast: it goes to the server alone.
func (m *machine) send(now time.Time) (message *dhcpv4.DHCPv4, unicast bool) {
	m.expire(now)
	if now.Before(m.due) {
		return nil, false
	}
	switch {
	case m.state == bound && !now.Before(m.lease.Rebind), m.state == renewing && !now.Before(m.lease.Rebind):
		m.enter(rebinding, now)
	case m.state == bound && !now.Before(m.lease.Renew):
		m.enter(renewing, now)
	case m.state == bound:
		m.due = m.lease.Renew
		return nil, false
	case m.state == requesting && m.tries >= mostRequests:
		m.enter(selecting, now)
	case m.state == rebooting && m.tries >= mostRequests:
		// The lease is in force nevertheless (RFC 2131, 3.2).
		m.rest()
		return nil, false
	}
	m.tries++
	if m.state == selecting && m.tries > unnoticed && m.offer.MAC == "" && m.naks == 0 {
		m.lacks = "no DHCP server answers on this network"
	}
	m.due = now.Add(m.pause(now))
	return m.message(now), m.state == renewing
}

// rest waits for the next time at which a lease needs something.
func (m *machine) rest() { m.state, m.tries, m.due = bound, 0, m.lease.Renew }

// pause returns the pause before the same message is sent again.
func (m *machine) pause(now time.Time) time.Duration {
	switch m.state {
	case renewing:
		return min(max(m.lease.Rebind.Sub(now)/2, shortestRenewal), max(m.lease.Rebind.Sub(now), 0))
	case rebinding:
		return min(max(m.lease.End.Sub(now)/2, shortestRenewal), m.lease.End.Sub(now))
	}
	pause := min(firstPause<<min(m.tries-1, 10), lastPause)
	// Clients that begin together must not go on together.
	return pause - pause/8 + rand.N(pause/4)
}

// message returns the message of the state (RFC 2131, table 5).
func (m *machine) message(now time.Time) *dhcpv4.DHCPv4 {
	kind := dhcpv4.MessageTypeRequest
	if m.state == selecting {
		kind = dhcpv4.MessageTypeDiscover
	}
	p := m.packet(kind)
	p.NumSeconds = uint16(min(now.Sub(m.began)/time.Second, 1<<16-1))
	switch m.state {
	case renewing, rebinding:
		p.ClientIPAddr = m.lease.Prefix.Addr().AsSlice()
	case requesting:
		p.UpdateOption(dhcpv4.OptServerIdentifier(m.offer.Server.AsSlice()))
		p.UpdateOption(dhcpv4.OptRequestedIPAddress(m.offer.Prefix.Addr().AsSlice()))
	default:
		if m.asked.IsValid() {
			p.UpdateOption(dhcpv4.OptRequestedIPAddress(m.asked.AsSlice()))
		}
	}
	p.UpdateOption(dhcpv4.OptMaxMessageSize(largestMessage))
	p.UpdateOption(dhcpv4.OptParameterRequestList(
		dhcpv4.OptionSubnetMask, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRouter,
		dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue,
	))
	if m.hostname != "" {
		p.UpdateOption(dhcpv4.OptHostName(m.hostname))
	}
	return p
}

// largestMessage is the length of the longest answer that linkd takes, in bytes: a whole Ethernet frame.
const largestMessage = 1472

func (m *machine) packet(kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	p := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, ClientHWAddr: m.mac, TransactionID: m.xid, Options: dhcpv4.Options{},
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
	}
	p.UpdateOption(dhcpv4.OptMessageType(kind))
	p.UpdateOption(dhcpv4.OptClientIdentifier(append([]byte{1}, m.mac...)))
	return p
}

// release returns the message that gives the lease back; nil without a lease.
func (m *machine) release() *dhcpv4.DHCPv4 {
	if m.lease == nil || m.mac == nil {
		return nil
	}
	p := m.packet(dhcpv4.MessageTypeRelease)
	p.ClientIPAddr = m.lease.Prefix.Addr().AsSlice()
	p.UpdateOption(dhcpv4.OptServerIdentifier(m.lease.Server.AsSlice()))
	return p
}

// receive takes an answer. It ignores what is not for this client, and what does not fit its state.
func (m *machine) receive(p *dhcpv4.DHCPv4, now time.Time) {
	m.expire(now)
	if p.OpCode != dhcpv4.OpcodeBootReply || p.TransactionID != m.xid || p.ClientHWAddr.String() != m.mac.String() || !m.listens() || m.tries == 0 {
		return
	}
	switch kind := p.MessageType(); {
	case kind == dhcpv4.MessageTypeOffer && m.state == selecting:
		lease, err := readLease(p, m.mac, now)
		if err != nil {
			m.lacks = fmt.Sprintf("a DHCP server offers what linkd cannot take: %v", err)
			return
		}
		m.offer = lease
		xid := m.xid
		m.enter(requesting, now)
		m.xid = xid
	case kind == dhcpv4.MessageTypeNak && m.fromServer(p):
		m.lacks = fmt.Sprintf("the DHCP server %s refuses the address %s", p.ServerIdentifier(), m.wants())
		m.naks++
		m.lease, m.asked, m.offer = nil, netip.Addr{}, Lease{}
		m.enter(selecting, now)
		if m.naks > 1 {
			m.due = now.Add(min(firstPause<<min(m.naks-2, 10), lastPause))
		}
	case kind == dhcpv4.MessageTypeAck && m.state != selecting && m.fromServer(p):
		lease, err := readLease(p, m.mac, now)
		if err == nil && lease.Prefix.Addr() != m.wants() {
			err = fmt.Errorf("%s is not the address that linkd asked for", lease.Prefix.Addr())
		}
		if err != nil {
			m.lacks = fmt.Sprintf("a DHCP server gives what linkd cannot take: %v", err)
			return
		}
		m.lease, m.lacks, m.naks, m.offer = &lease, "", 0, Lease{}
		m.asked = lease.Prefix.Addr()
		m.rest()
	}
}

// wants returns the address that the client is asking for.
func (m *machine) wants() netip.Addr {
	switch {
	case m.state == requesting:
		return m.offer.Prefix.Addr()
	case m.lease != nil:
		return m.lease.Prefix.Addr()
	}
	return m.asked
}

// fromServer reports whether an answer is from the server that was asked, if it was one.
func (m *machine) fromServer(p *dhcpv4.DHCPv4) bool {
	from, _ := netip.AddrFromSlice(p.ServerIdentifier().To4())
	switch m.state {
	case requesting:
		return from == m.offer.Server
	case renewing:
		return from == m.lease.Server
	case rebooting, rebinding:
		return from.IsValid()
	}
	return false
}
