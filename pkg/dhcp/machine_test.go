package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

var (
	myMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// play is a client, its clock and what happens.
type play struct {
	t   *testing.T
	m   *machine
	now time.Time
	// other is who answers for the given address.
	other net.HardwareAddr
}

func newPlay(t *testing.T, lease *Lease) *play {
	p := &play{t, newMachine(v4{}, lease, "web"), start, nil}
	p.m.begin(myMAC, p.now)
	return p
}

// sends runs the clock until the client sends something, and returns what, and after how long.
func (p *play) sends() (message *dhcpv4.DHCPv4, after time.Duration, unicast bool) {
	p.t.Helper()
	began := p.now
	for range 100 {
		if p.m.due.After(p.now) {
			p.now = p.m.due
		}
		if l := p.m.lease; l != nil && p.now.After(l.End) {
			p.now = l.End
		}
		if bytes, unicast := p.m.send(p.now); bytes != nil {
			message, err := dhcpv4.FromBytes(bytes)
			if err != nil {
				p.t.Fatal(err)
			}
			return message, p.now.Sub(began), unicast
		}
	}
	p.t.Fatal("it sends nothing")
	return nil, 0, false
}

// expects checks the type of the next message and the address that it asks for.
func (p *play) expects(kind dhcpv4.MessageType, address string) *dhcpv4.DHCPv4 {
	p.t.Helper()
	m, _, _ := p.sends()
	asks := m.ClientIPAddr
	if asks.IsUnspecified() {
		asks = m.RequestedIPAddress()
	}
	if text := fmt.Sprint(asks); m.MessageType() != kind || text != address {
		p.t.Errorf("it sends %s for %s, want %s for %s", m.MessageType(), text, kind, address)
	}
	return m
}

// answers is an answer of the server 10.0.0.1 with a lease of ten minutes for 10.0.0.5, unless change says otherwise.
func (p *play) answers(to *dhcpv4.DHCPv4, kind dhcpv4.MessageType, change ...dhcpv4.Modifier) {
	p.t.Helper()
	all := append([]dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 5)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithServerIP(net.IPv4(10, 0, 0, 1)), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 1))),
		dhcpv4.WithLeaseTime(600), dhcpv4.WithRouter(net.IPv4(10, 0, 0, 1)),
	}, change...)
	reply, err := dhcpv4.NewReplyFromRequest(to, all...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.m.receive(reply.ToBytes(), netip.MustParseAddr("10.0.0.1"), p.now)
	if p.m.state == checking {
		p.m.checked(p.other, p.now)
	}
}

// has checks the address in force; "" for none.
func (p *play) has(address string) {
	p.t.Helper()
	has := ""
	if p.m.lease != nil {
		has = p.m.lease.Prefix.String()
	}
	if has != address || (p.m.lacks == "") != (address != "") {
		p.t.Errorf("it has %q, want %q; lacks %q", has, address, p.m.lacks)
	}
}

const (
	discover, request, offer, ack, nak = dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak
	none                               = "<nil>"
)

// bound returns a client with a lease.
func newBound(t *testing.T) *play {
	t.Helper()
	p := newPlay(t, nil)
	p.answers(p.expects(discover, none), offer)
	p.answers(p.expects(request, "10.0.0.5"), ack)
	p.has("10.0.0.5/24")
	return p
}

func TestALeaseIsRenewedAtT1AndReboundAtT2(t *testing.T) {
	p := newBound(t)
	m, after, unicast := p.sends()
	if after != 300*time.Second || !unicast || m.ClientIPAddr.String() != "10.0.0.5" || m.RequestedIPAddress() != nil || m.ServerIdentifier() != nil {
		t.Errorf("after %s it sends (to one: %t) %s", after, unicast, m.Summary())
	}
	p.answers(m, ack)
	p.has("10.0.0.5/24")
	// The server is gone: the client asks it until T2, and then all, until the end.
	var renewals, rebinds int
	for p.m.lease != nil {
		at := p.m.lease.End.Add(-10 * time.Minute)
		m, _, unicast := p.sends()
		switch since := p.now.Sub(at); {
		case m.MessageType() == discover:
			if since != 600*time.Second {
				t.Errorf("it gives the lease up after %s", since)
			}
		case unicast && since >= 300*time.Second && since < 525*time.Second:
			renewals++
		case !unicast && since >= 525*time.Second && since < 600*time.Second:
			rebinds++
		default:
			t.Errorf("after %s it sends (to one: %t) %s", since, unicast, m.Summary())
		}
		if p.m.lease == nil {
			break
		}
	}
	if renewals == 0 || renewals > 10 || rebinds == 0 || rebinds > 10 {
		t.Errorf("%d renewals, %d rebinds", renewals, rebinds)
	}
	p.has("")
	// It asks for the address that it had.
	p.answers(p.expects(discover, "10.0.0.5"), offer)
	p.answers(p.expects(request, "10.0.0.5"), ack)
	p.has("10.0.0.5/24")
}

// Another server may rebind, but nobody but the own one may renew.
func TestAnotherServerRebinds(t *testing.T) {
	p := newBound(t)
	other := dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 2)))
	m, _, _ := p.sends()
	p.answers(m, ack, other)
	if p.m.state != renewing || p.m.lease.Server.String() != "10.0.0.1" {
		t.Error("another server renewed it")
	}
	for unicast := true; unicast; {
		m, _, unicast = p.sends()
	}
	p.answers(m, ack, other)
	if p.m.state != bound || p.m.lease.Server.String() != "10.0.0.2" {
		t.Error("another server did not rebind it")
	}
}

func TestARestartAsksWhetherTheLeaseHolds(t *testing.T) {
	lease := newBound(t).m.lease
	for _, test := range []struct {
		name   string
		answer dhcpv4.MessageType
		has    string
	}{
		{"it holds", ack, "10.0.0.5/24"},
		{"it does not", nak, ""},
		{"nobody answers", dhcpv4.MessageTypeNone, "10.0.0.5/24"},
	} {
		again := *lease
		p := newPlay(t, &again)
		if m := p.expects(request, "10.0.0.5"); m.ServerIdentifier() != nil || !m.ClientIPAddr.IsUnspecified() {
			t.Errorf("%s: it asks %s", test.name, m.Summary())
		} else if test.answer != dhcpv4.MessageTypeNone {
			p.answers(m, test.answer)
		} else {
			for range mostRequests {
				p.sends()
			}
		}
		if has := p.m.lease; (has == nil) != (test.has == "") {
			t.Errorf("%s: it has %v", test.name, has)
		}
	}
	// The interface has another link-layer address: to the server it is another client.
	again := *lease
	p := &play{t, newMachine(v4{}, &again, ""), start, nil}
	p.m.begin(net.HardwareAddr{2, 0, 0, 0, 0, 9}, p.now)
	p.expects(discover, none)
}

// A server that refuses everything is asked less and less often.
func TestRefusals(t *testing.T) {
	p := newPlay(t, nil)
	var last time.Duration
	for i := range 8 {
		m, after, _ := p.sends()
		if i > 2 && after < min(last, lastPause) {
			t.Errorf("refusal %d: it asks again after %s, and before after %s", i, after, last)
		}
		last = after
		p.answers(m, offer)
		p.answers(p.expects(request, "10.0.0.5"), nak)
		p.has("")
	}
	if last < lastPause/2 {
		t.Errorf("the last pause is %s", last)
	}
}

// Nobody answers: the client says so, and asks less and less often.
func TestNobodyAnswers(t *testing.T) {
	p := newPlay(t, nil)
	p.has("")
	for range 10 {
		p.expects(discover, none)
	}
	if _, after, _ := p.sends(); after < lastPause*7/8 || after > lastPause*9/8 || p.m.lacks != "no DHCP server answers on this network" {
		t.Errorf("after %s, lacks %q", after, p.m.lacks)
	}
}

// What is not an answer to this client changes nothing.
func TestAnswersToOthers(t *testing.T) {
	p := newPlay(t, nil)
	m := p.expects(discover, none)
	p.answers(m, offer, func(d *dhcpv4.DHCPv4) { d.TransactionID[0]++ })
	p.answers(m, offer, func(d *dhcpv4.DHCPv4) { d.ClientHWAddr = net.HardwareAddr{2, 0, 0, 0, 0, 2} })
	p.answers(m, offer, func(d *dhcpv4.DHCPv4) { d.OpCode = dhcpv4.OpcodeBootRequest })
	p.answers(m, ack)
	p.answers(m, nak)
	if p.m.state != selecting || p.m.lease != nil {
		t.Error("it took one")
	}
}
