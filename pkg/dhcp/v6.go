package dhcp

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// v6 is DHCP for IPv6 (RFC 8415). The client asks for one address (IA_NA).
type v6 struct {
	// iaid tells the interfaces of one link-layer address apart, as those of ipvlan.
	iaid [4]byte
}

// newV6 returns the version for a client with a name.
func newV6(name string) v6 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name))
	return v6{iaid: [4]byte(hash.Sum(nil))}
}

func (v6) name() string      { return "DHCPv6" }
func (v6) renewsAlone() bool { return false }

// duid returns the DUID of a client: its link-layer address (RFC 8415, 11.4), which linkd keeps.
func duid(m *machine) dhcpv6.DUID {
	return &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: m.mac}
}

// message returns the message of the state (RFC 8415, 18.2).
func (v v6) message(m *machine, now time.Time) []byte {
	kind, asks, server := dhcpv6.MessageTypeSolicit, m.asked, ""
	switch m.state {
	case requesting:
		kind, asks, server = dhcpv6.MessageTypeRequest, m.offer.Prefix.Addr(), m.offer.ServerID
	case rebooting:
		kind = dhcpv6.MessageTypeConfirm
	case renewing:
		kind, server = dhcpv6.MessageTypeRenew, m.lease.ServerID
	case rebinding:
		kind = dhcpv6.MessageTypeRebind
	}
	p := v.packet(m, kind, asks, server)
	p.AddOption(dhcpv6.OptElapsedTime(min(now.Sub(m.began), (1<<16-1)*10*time.Millisecond)))
	if kind == dhcpv6.MessageTypeConfirm {
		return p.ToBytes()
	}
	p.AddOption(dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList))
	if m.hostname != "" {
		// The server decides about its name in DNS (RFC 4704, 4.1).
		p.AddOption(&dhcpv6.OptFQDN{DomainName: &rfc1035label.Labels{Labels: []string{m.hostname}}})
	}
	return p.ToBytes()
}

// packet returns a message about an address, for one server or for all ("").
func (v v6) packet(m *machine, kind dhcpv6.MessageType, asks netip.Addr, server string) *dhcpv6.Message {
	p := &dhcpv6.Message{MessageType: kind, TransactionID: dhcpv6.TransactionID(m.xid[:3])}
	p.AddOption(dhcpv6.OptClientID(duid(m)))
	if id, err := hex.DecodeString(server); err == nil && server != "" {
		p.AddOption(dhcpv6.OptServerID(&dhcpv6.DUIDOpaque{Type: dhcpv6.DUIDType(uint16(id[0])<<8 | uint16(id[1])), Data: id[2:]}))
	}
	ia := &dhcpv6.OptIANA{IaId: v.iaid}
	if asks.IsValid() {
		ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: asks.AsSlice()})
	}
	p.AddOption(ia)
	return p
}

// giveBack returns a Release or a Decline (RFC 8415, 18.2.7 and 18.2.8).
func (v v6) giveBack(m *machine, l *Lease, declines bool) []byte {
	kind := dhcpv6.MessageTypeRelease
	if declines {
		kind = dhcpv6.MessageTypeDecline
	}
	p := v.packet(m, kind, l.Prefix.Addr(), l.ServerID)
	p.AddOption(dhcpv6.OptElapsedTime(0))
	return p.ToBytes()
}

func (v v6) read(m *machine, message []byte, from netip.Addr, now time.Time) (a answer, ok bool) {
	p, err := dhcpv6.MessageFromBytes(message)
	if err != nil || p.TransactionID != dhcpv6.TransactionID(m.xid[:3]) {
		return a, false
	}
	client, server := p.Options.ClientID(), p.Options.ServerID()
	if client == nil || server == nil || !client.Equal(duid(m)) || len(server.ToBytes()) < shortestDUID {
		return a, false
	}
	switch p.MessageType {
	case dhcpv6.MessageTypeAdvertise:
		a.kind, a.preference = offered, int(p.Options.Preference())
	case dhcpv6.MessageTypeReply:
		a.kind = given
	default:
		return a, false
	}
	if m.state == rebooting {
		a.kind = confirmed
	}
	ia := v.association(p)
	switch status := statusOf(p, ia); {
	case status == nil || status.StatusCode == iana.StatusSuccess:
	case status.StatusCode == iana.StatusNoBinding && a.kind == given:
		a.kind = unknown
	case a.kind == offered, m.lease != nil && status.StatusCode != iana.StatusNotOnLink:
		a.err = fmt.Errorf("its status is %s", status.StatusCode)
		if a.kind == confirmed {
			a.kind = given
		}
	default:
		a.kind, a.why = refused, fmt.Sprintf("the DHCPv6 server %s gives no address: %s", from, status.StatusCode)
	}
	if a.err == nil && (a.kind == offered || a.kind == given) {
		a.lease, a.err = readLease6(p, ia, m, now)
		if a.err == errWithdrawn {
			a.kind, a.why = refused, fmt.Sprintf("the DHCPv6 server %s withdraws the address %s", from, m.wants())
		}
	}
	a.lease.Server, a.lease.ServerID = from, hex.EncodeToString(server.ToBytes())
	return a, true
}

// shortestDUID is the length of the type of a DUID, and one byte (RFC 8415, 11.1).
const shortestDUID = 3

// association returns what the message says of the client's identity association; nil for nothing.
func (v v6) association(p *dhcpv6.Message) *dhcpv6.OptIANA {
	for _, ia := range p.Options.IANA() {
		if ia.IaId == v.iaid {
			return ia
		}
	}
	return nil
}

// statusOf returns the status of the association, or that of the message; nil, which is a success, if there is none.
func statusOf(p *dhcpv6.Message, ia *dhcpv6.OptIANA) *dhcpv6.OptStatusCode {
	if ia != nil {
		if s := ia.Options.Status(); s != nil && s.StatusCode != iana.StatusSuccess {
			return s
		}
	}
	return p.Options.Status()
}
