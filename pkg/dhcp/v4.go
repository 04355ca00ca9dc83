package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// v4 is DHCP for IPv4 (RFC 2131).
type v4 struct{}

func (v4) name() string      { return "DHCP" }
func (v4) renewsAlone() bool { return true }

// message returns the message of the state (RFC 2131, table 5).
func (v v4) message(m *machine, now time.Time) []byte {
	kind := dhcpv4.MessageTypeRequest
	if m.state == selecting {
		kind = dhcpv4.MessageTypeDiscover
	}
	p := v.packet(m, kind)
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
		dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName, dhcpv4.OptionDNSDomainSearchList,
	))
	if m.hostname != "" {
		p.UpdateOption(dhcpv4.OptHostName(m.hostname))
	}
	return p.ToBytes()
}

// largestMessage is the length of the longest answer that linkd takes, in bytes: a whole Ethernet frame.
const largestMessage = 1472

func (v4) packet(m *machine, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	p := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, ClientHWAddr: m.mac, TransactionID: m.xid, Options: dhcpv4.Options{},
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
	}
	p.UpdateOption(dhcpv4.OptMessageType(kind))
	p.UpdateOption(dhcpv4.OptClientIdentifier(append([]byte{1}, m.mac...)))
	return p
}

// giveBack returns a DHCPRELEASE or a DHCPDECLINE (RFC 2131, table 5).
func (v v4) giveBack(m *machine, l *Lease, declines bool) []byte {
	ip := l.Prefix.Addr().AsSlice()
	kind := dhcpv4.MessageTypeRelease
	if declines {
		kind = dhcpv4.MessageTypeDecline
	}
	p := v.packet(m, kind)
	if declines {
		p.UpdateOption(dhcpv4.OptRequestedIPAddress(ip))
	} else {
		p.ClientIPAddr = ip
	}
	p.UpdateOption(dhcpv4.OptServerIdentifier(l.Server.AsSlice()))
	return p.ToBytes()
}

func (v4) read(m *machine, message []byte, _ netip.Addr, now time.Time) (a answer, ok bool) {
	p, err := dhcpv4.FromBytes(message)
	if err != nil || p.OpCode != dhcpv4.OpcodeBootReply || p.TransactionID != m.xid || p.ClientHWAddr.String() != m.mac.String() {
		return a, false
	}
	switch p.MessageType() {
	case dhcpv4.MessageTypeOffer:
		a.kind, a.preference = offered, urgent
		a.lease, a.err = readLease(p, m.mac, now)
		return a, true
	case dhcpv4.MessageTypeAck:
		a.kind = given
		a.lease, a.err = readLease(p, m.mac, now)
	case dhcpv4.MessageTypeNak:
		a.kind, a.why = refused, fmt.Sprintf("the DHCP server %s refuses the address %s", p.ServerIdentifier(), m.wants())
	default:
		return a, false
	}
	// Whoever gives or refuses has to say who it is.
	a.lease.Server, ok = netip.AddrFromSlice(p.ServerIdentifier().To4())
	return a, ok
}
