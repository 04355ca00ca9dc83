package dhcp

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"

	"linkd/pkg/spec"
)

var serverIP = netip.MustParseAddr("fe80::1")

// play6 is a DHCPv6 client, its clock and what happens.
type play6 struct{ play }

func newPlay6(t *testing.T, lease *Lease) *play6 {
	p := &play6{play{t: t, m: newMachine(newV6("web/eth0"), lease, "web"), now: start}}
	p.m.begin(myMAC, p.now)
	return p
}

// expects runs the clock until the client sends something, and checks its type and the address that it asks for.
func (p *play6) expects(kind dhcpv6.MessageType, address string) *dhcpv6.Message {
	p.t.Helper()
	for range 100 {
		if p.m.due.After(p.now) {
			p.now = p.m.due
		}
		bytes, unicast := p.m.send(p.now)
		if bytes == nil {
			continue
		}
		m, err := dhcpv6.MessageFromBytes(bytes)
		if err != nil {
			p.t.Fatal(err)
		}
		asks := ""
		if a := m.Options.OneIANA().Options.OneAddress(); a != nil {
			asks = a.IPv6Addr.String()
		}
		if unicast || m.MessageType != kind || asks != address {
			p.t.Errorf("it sends %s for %q (to one: %t), want %s for %q", m.MessageType, asks, unicast, kind, address)
		}
		if named := m.Options.ServerID() != nil; named != (kind == dhcpv6.MessageTypeRequest || kind == dhcpv6.MessageTypeRenew) {
			p.t.Errorf("%s names a server: %t", kind, named)
		}
		return m
	}
	p.t.Fatal("it sends nothing")
	return nil
}

// change changes an answer.
type change func(m *dhcpv6.Message, ia *dhcpv6.OptIANA, a *dhcpv6.OptIAAddress)

// answers is an answer of the server 0a with a lease of ten minutes for fd00::5, unless a change says otherwise.
func (p *play6) answers(to *dhcpv6.Message, kind dhcpv6.MessageType, changes ...change) {
	p.t.Helper()
	m := &dhcpv6.Message{MessageType: kind, TransactionID: to.TransactionID}
	m.AddOption(dhcpv6.OptClientID(to.Options.ClientID()))
	m.AddOption(dhcpv6.OptServerID(server("0a")))
	ia := &dhcpv6.OptIANA{IaId: to.Options.OneIANA().IaId, T1: 300 * time.Second, T2: 480 * time.Second}
	a := &dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP("fd00::5"), PreferredLifetime: 600 * time.Second, ValidLifetime: 600 * time.Second}
	for _, c := range changes {
		c(m, ia, a)
	}
	if a.IPv6Addr != nil {
		ia.Options.Add(a)
	}
	m.AddOption(ia)
	p.m.receive(m.ToBytes(), serverIP, p.now)
	if p.m.state == checking {
		p.m.checked(p.other, p.now)
	}
}

func server(name string) dhcpv6.DUID { return &dhcpv6.DUIDOpaque{Type: 9, Data: []byte(name)} }

// by sets the server.
func by(name string) change {
	return func(m *dhcpv6.Message, _ *dhcpv6.OptIANA, _ *dhcpv6.OptIAAddress) {
		m.UpdateOption(dhcpv6.OptServerID(server(name)))
	}
}

// says sets the status of the association, without an address.
func says(status iana.StatusCode) change {
	return func(_ *dhcpv6.Message, ia *dhcpv6.OptIANA, a *dhcpv6.OptIAAddress) {
		ia.Options.Add(&dhcpv6.OptStatusCode{StatusCode: status})
		a.IPv6Addr = nil
	}
}

func prefers(value uint8) change {
	return func(m *dhcpv6.Message, _ *dhcpv6.OptIANA, _ *dhcpv6.OptIAAddress) {
		m.AddOption(dhcpv6.OptPreference(value))
	}
}

func lasts(preferred, valid time.Duration) change {
	return func(_ *dhcpv6.Message, _ *dhcpv6.OptIANA, a *dhcpv6.OptIAAddress) {
		a.PreferredLifetime, a.ValidLifetime = preferred, valid
	}
}

func gives(ip string) change {
	return func(_ *dhcpv6.Message, _ *dhcpv6.OptIANA, a *dhcpv6.OptIAAddress) { a.IPv6Addr = net.ParseIP(ip) }
}

const (
	solicit, request6, confirm  = dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeConfirm
	renew6, rebind6             = dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind
	advertise, reply, five, any = dhcpv6.MessageTypeAdvertise, dhcpv6.MessageTypeReply, "fd00::5", ""
)

func newBound6(t *testing.T) *play6 {
	t.Helper()
	p := newPlay6(t, nil)
	p.answers(p.expects(solicit, any), advertise, prefers(urgent))
	p.answers(p.expects(request6, five), reply)
	p.has("fd00::5/128")
	return p
}

// The client waits for the best offer, but not for a better one than the best.
func TestTheServerIsChosenByPreference(t *testing.T) {
	p := newPlay6(t, nil)
	m := p.expects(solicit, any)
	p.answers(m, advertise, by("low"), gives("fd00::1"))
	p.answers(m, advertise, by("high"), gives("fd00::2"), prefers(7))
	p.answers(m, advertise, by("mid"), gives("fd00::3"), prefers(3))
	m = p.expects(request6, "fd00::2")
	p.answers(m, reply, by("low"), gives("fd00::2"))
	p.has("")
	p.answers(m, reply, by("high"), gives("fd00::2"))
	p.has("fd00::2/128")
	// Whoever answers first after the first pause is asked.
	p = newPlay6(t, nil)
	p.expects(solicit, any)
	p.answers(p.expects(solicit, any), advertise)
	p.expects(request6, five)
}

func TestADHCPv6LeaseIsRenewedAndRebound(t *testing.T) {
	p := newBound6(t)
	m := p.expects(renew6, five)
	if after := p.now.Sub(start); after != 300*time.Second {
		t.Errorf("it renews after %s", after)
	}
	p.answers(m, reply, by("other"))
	if p.m.state != renewing {
		t.Error("another server renewed it")
	}
	p.answers(m, reply, lasts(100*time.Second, 900*time.Second))
	if l := p.m.lease; l.End.Sub(p.now) != 900*time.Second || l.Deprecated.Sub(p.now) != 100*time.Second {
		t.Errorf("it has %+v at %s", l, p.now)
	}
	for m = p.expects(renew6, five); p.m.state == renewing; {
		p.now = p.m.lease.Rebind
		m = p.expects(rebind6, five)
	}
	p.answers(m, reply, by("other"))
	if p.m.state != bound || p.m.lease.ServerID != "0009"+"6f74686572" {
		t.Errorf("another server did not rebind it: %+v", p.m.lease)
	}
	// The lease ends.
	p.now = p.m.lease.End
	p.expects(solicit, five)
	p.has("")
}

// What a server answers to a renewal when it does not want the client to go on.
func TestADHCPv6LeaseIsLost(t *testing.T) {
	for _, test := range []struct {
		name   string
		change change
		has    string
		next   dhcpv6.MessageType
		asks   string
	}{
		{"it does not know the lease: it is asked for it anew, and the address stays", says(iana.StatusNoBinding), "fd00::5/128", request6, five},
		{"the address is not of this link any more", says(iana.StatusNotOnLink), "", solicit, any},
		{"it withdraws the address", lasts(0, 0), "", solicit, any},
		{"it fails: the client goes on asking", says(iana.StatusUnspecFail), "fd00::5/128", renew6, five},
		{"it gives another address: the client goes on asking", gives("fd00::6"), "fd00::5/128", renew6, five},
		{"it gives nothing: the client goes on asking", gives(""), "fd00::5/128", renew6, five},
	} {
		p := newBound6(t)
		p.answers(p.expects(renew6, five), reply, test.change)
		if has := p.m.lease; (has == nil) != (test.has == "") {
			t.Errorf("%s: it has %v", test.name, has)
		}
		p.expects(test.next, test.asks)
	}
}

func TestARestartConfirmsADHCPv6Lease(t *testing.T) {
	lease := newBound6(t).m.lease
	for status, has := range map[iana.StatusCode]string{iana.StatusSuccess: "fd00::5/128", iana.StatusNotOnLink: "", iana.StatusUnspecFail: "fd00::5/128"} {
		again := *lease
		p := newPlay6(t, &again)
		m := p.expects(confirm, five)
		p.answers(m, reply, func(m *dhcpv6.Message, ia *dhcpv6.OptIANA, a *dhcpv6.OptIAAddress) {
			m.AddOption(&dhcpv6.OptStatusCode{StatusCode: status})
			a.IPv6Addr = nil
		})
		if (p.m.lease == nil) != (has == "") {
			t.Errorf("%s: it has %v", status, p.m.lease)
		}
	}
}

// Another host has the address: the client says so, and asks for another after a pause.
func TestADuplicateIsDeclined(t *testing.T) {
	p := newPlay6(t, nil)
	p.answers(p.expects(solicit, any), advertise, prefers(urgent))
	p.other = net.HardwareAddr{2, 0, 0, 0, 0, 9}
	m := p.expects(request6, five)
	p.answers(m, reply)
	p.has("")
	if !strings.Contains(p.m.lacks, "gave fd00::5, which 02:00:00:00:00:09 has") {
		t.Errorf("lacks %q", p.m.lacks)
	}
	before := p.now
	p.expects(solicit, any)
	if pause := p.now.Sub(before); pause < declinePause {
		t.Errorf("it asks again after %s", pause)
	}
	p.m.state = checking
	p.m.offer = Lease{Lease: newBound6(t).m.lease.Lease, ServerID: "000930"}
	decline, err := dhcpv6.MessageFromBytes(p.m.checked(p.other, p.now))
	if err != nil || decline.MessageType != dhcpv6.MessageTypeDecline || decline.Options.OneIANA().Options.OneAddress().IPv6Addr.String() != five || decline.Options.ServerID() == nil {
		t.Errorf("it sends %v, %v", decline, err)
	}
	released, err := dhcpv6.MessageFromBytes(newBound6(t).m.release())
	if err != nil || released.MessageType != dhcpv6.MessageTypeRelease || released.Options.OneIANA().Options.OneAddress().IPv6Addr.String() != five {
		t.Errorf("it sends %v, %v", released, err)
	}
}

// What a hostile server gives is refused with a reason, or cut to what linkd takes.
func TestAHostileDHCPv6Server(t *testing.T) {
	for name, test := range map[string]struct {
		change
		says string
	}{
		"no address":             {gives(""), "gives no address"},
		"a multicast address":    {gives("ff02::1"), "is not that of a host"},
		"the loopback address":   {gives("::1"), "is not that of a host"},
		"a link-local address":   {gives("fe80::9"), "is not that of a host"},
		"no address is free":     {says(iana.StatusNoAddrsAvail), "its status is NoAddrsAvail"},
		"a lease of 9 s":         {lasts(9*time.Second, 9*time.Second), "none below 10s"},
		"preferred beyond valid": {lasts(20*time.Second, 10*time.Second), "preferred for 20s, and valid for 10s"},
	} {
		p := newPlay6(t, nil)
		p.answers(p.expects(solicit, any), advertise, test.change, prefers(urgent))
		if p.m.state != selecting || !strings.Contains(p.m.lacks, test.says) {
			t.Errorf("%s: state %d, lacks %q", name, p.m.state, p.m.lacks)
		}
	}
	p := newPlay6(t, nil)
	m := p.expects(solicit, any)
	for _, other := range []change{
		func(m *dhcpv6.Message, _ *dhcpv6.OptIANA, _ *dhcpv6.OptIAAddress) { m.TransactionID[0]++ },
		func(m *dhcpv6.Message, _ *dhcpv6.OptIANA, _ *dhcpv6.OptIAAddress) {
			m.UpdateOption(dhcpv6.OptClientID(server("x")))
		},
		func(m *dhcpv6.Message, _ *dhcpv6.OptIANA, _ *dhcpv6.OptIAAddress) {
			m.Options.Del(dhcpv6.OptionServerID)
		},
		func(m *dhcpv6.Message, _ *dhcpv6.OptIANA, _ *dhcpv6.OptIAAddress) { m.MessageType = reply },
	} {
		p.answers(m, advertise, other, prefers(urgent))
	}
	if p.m.state != selecting || p.m.lease != nil {
		t.Error("it took an answer to another client")
	}
	long := func(m *dhcpv6.Message, _ *dhcpv6.OptIANA, _ *dhcpv6.OptIAAddress) {
		var servers []net.IP
		var domains []string
		for i := range 40 {
			servers = append(servers, net.IP(netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(i)}).AsSlice()))
			domains = append(domains, string(rune('a'+i%26))+".example.org")
		}
		m.AddOption(dhcpv6.OptDNS(append([]net.IP{net.ParseIP("fe80::53"), net.ParseIP("ff02::1")}, servers...)...))
		m.AddOption(dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: domains}))
	}
	p.answers(m, advertise, long, prefers(urgent))
	p.answers(p.expects(request6, five), reply, long)
	if l := p.m.lease; l == nil || len(l.Nameservers) != mostNameservers || l.Nameservers[0] != netip.MustParseAddr("fd00::") || len(l.Search) != mostDomains {
		t.Errorf("it takes over %+v", l)
	}
}

// No bytes from the network end the client, or get past the checks.
func FuzzAnswer6(f *testing.F) {
	p := newPlay6(&testing.T{}, nil)
	m := p.expects(solicit, any)
	advertisement, err := dhcpv6.NewAdvertiseFromSolicit(m, dhcpv6.WithServerID(server("a")), dhcpv6.WithIANA(dhcpv6.OptIAAddress{
		IPv6Addr: net.ParseIP(five), PreferredLifetime: time.Hour, ValidLifetime: time.Hour,
	}))
	if err != nil {
		f.Fatal(err)
	}
	packet := pack6(serverIP, netip.MustParseAddr("fe80::2"), advertisement.ToBytes())
	packet[headerIPv6+3] = byte(clientPort6 & 0xff)
	if message, _ := unpack6(packet); message == nil {
		f.Fatal("the packet is not read")
	}
	f.Add(packet)
	f.Fuzz(func(t *testing.T, packet []byte) {
		message, from := unpack6(packet)
		if message == nil {
			return
		}
		copied := *p.m
		answer, ok := copied.read(&copied, message, from, start)
		if !ok || answer.err != nil || answer.kind != offered {
			return
		}
		l := answer.lease
		if !isUsable(l.Prefix.Addr()) || l.End.Sub(start) < shortestLease || l.Renew.Sub(start) < shortestRenewal || len(l.Nameservers) > mostNameservers {
			t.Errorf("%+v", l)
		}
	})
}

// Leases of both versions of one interface are kept beside each other.
func TestLeasesOfBothVersions(t *testing.T) {
	s, err := OpenStore(t.TempDir() + "/" + FileName)
	if err != nil {
		t.Fatal(err)
	}
	four, six := spec.LeaseClient{NS: "web", Device: "eth0"}, spec.LeaseClient{NS: "web", Device: "eth0", IPv6: true}
	for client, lease := range map[spec.LeaseClient]*Lease{four: newBound(t).m.lease, six: newBound6(t).m.lease} {
		if err := s.Put(client, lease); err != nil {
			t.Fatal(err)
		}
	}
	again, err := OpenStore(s.path)
	if err != nil || again.Get(four, start).Prefix.Addr().Is6() || !again.Get(six, start).Prefix.Addr().Is6() {
		t.Errorf("%v, %v", again.All(), err)
	}
}
