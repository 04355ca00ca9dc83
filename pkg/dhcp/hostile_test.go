package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"linkd/pkg/spec"
)

// What a hostile server gives is refused with a reason, or cut to what linkd takes.
func TestAHostileServer(t *testing.T) {
	for name, change := range map[string]struct {
		dhcpv4.Modifier
		says string
	}{
		"no address":           {dhcpv4.WithYourIP(net.IPv4zero), "is not that of a host"},
		"a multicast address":  {dhcpv4.WithYourIP(net.IPv4(224, 0, 0, 1)), "is not that of a host"},
		"a loopback address":   {dhcpv4.WithYourIP(net.IPv4(127, 0, 0, 1)), "is not that of a host"},
		"a link-local address": {dhcpv4.WithYourIP(net.IPv4(169, 254, 0, 1)), "is not that of a host"},
		"the broadcast":        {dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 255)), "address of a network or of its broadcast"},
		"the network":          {dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 0)), "address of a network or of its broadcast"},
		"its own address":      {dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 1)), "does not say which server"},
		"mask /0":              {dhcpv4.WithNetmask(net.CIDRMask(0, 32)), "that of more than a /8"},
		"mask /7":              {dhcpv4.WithNetmask(net.CIDRMask(7, 32)), "that of more than a /8"},
		"a mask with holes":    {dhcpv4.WithNetmask(net.IPv4Mask(255, 0, 255, 0)), "is none"},
		"no mask":              {dhcpv4.WithoutOption(dhcpv4.OptionSubnetMask), "no subnet mask"},
		"no server":            {dhcpv4.WithoutOption(dhcpv4.OptionServerIdentifier), "does not say which server"},
		"a lease of 0 s":       {dhcpv4.WithLeaseTime(0), "none below 10s"},
		"no lease time":        {dhcpv4.WithoutOption(dhcpv4.OptionIPAddressLeaseTime), "none below 10s"},
	} {
		p := newPlay(t, nil)
		p.answers(p.expects(discover, none), offer, change.Modifier)
		if p.m.state != selecting || !strings.Contains(p.m.lacks, change.says) {
			t.Errorf("%s: state %d, lacks %q", name, p.m.state, p.m.lacks)
		}
	}
	p := newPlay(t, nil)
	p.answers(p.expects(discover, none), offer)
	p.answers(p.expects(request, "10.0.0.5"), ack, dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 6)))
	if p.m.lease != nil || !strings.Contains(p.m.lacks, "is not the address that linkd asked for") {
		t.Errorf("it took another address: %v, %q", p.m.lease, p.m.lacks)
	}
}

// A server that wants to be asked all the time, and one that gives a lease for ever.
func TestTimesAreBounded(t *testing.T) {
	for _, test := range []struct {
		lease, renew, rebind       uint32
		wantsRenew, wantRebind, to time.Duration
	}{
		{600, 0, 0, 5 * time.Minute, 525 * time.Second, 10 * time.Minute},
		{600, 1, 2, 5 * time.Second, 5 * time.Second, 10 * time.Minute},
		{600, 700, 800, 5 * time.Minute, 525 * time.Second, 10 * time.Minute},
		{600, 400, 300, 5 * time.Minute, 525 * time.Second, 10 * time.Minute},
		{1<<32 - 1, 100, 200, 100 * time.Second, 200 * time.Second, longestLease},
	} {
		p := newPlay(t, nil)
		change := []dhcpv4.Modifier{
			dhcpv4.WithLeaseTime(test.lease), dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(time.Duration(test.renew) * time.Second)),
			dhcpv4.WithOption(dhcpv4.OptRebindingTimeValue(time.Duration(test.rebind) * time.Second)),
		}
		p.answers(p.expects(discover, none), offer, change...)
		p.answers(p.expects(request, "10.0.0.5"), ack, change...)
		if l := p.m.lease; l == nil || l.Renew.Sub(p.now) != test.wantsRenew || l.Rebind.Sub(p.now) < test.wantRebind && test.rebind > 0 || l.End.Sub(p.now) != test.to {
			t.Errorf("%+v: %+v", test, l)
		}
	}
}

func TestRoutesOfALease(t *testing.T) {
	classless := func(routes ...string) dhcpv4.Modifier {
		var all dhcpv4.Routes
		for _, text := range routes {
			to, via, _ := strings.Cut(text, " ")
			_, dest, err := net.ParseCIDR(to)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &dhcpv4.Route{Dest: dest, Router: net.ParseIP(via)})
		}
		return dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(all...))
	}
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("10.9.%d.0/24 10.0.0.1", i))
	}
	for _, test := range []struct {
		name   string
		change dhcpv4.Modifier
		want   string
	}{
		{"a router", dhcpv4.WithRouter(net.IPv4(10, 0, 0, 1)), "0.0.0.0/0 10.0.0.1"},
		{"the first usable of several", dhcpv4.WithRouter(net.IPv4(192, 0, 2, 1), net.IPv4(10, 0, 0, 5), net.IPv4(10, 0, 0, 7), net.IPv4(10, 0, 0, 8)), "0.0.0.0/0 10.0.0.7"},
		{"classless routes instead", classless("10.9.0.0/16 10.0.0.1", "0.0.0.0/0 10.0.0.2"), "10.9.0.0/16 10.0.0.1, 0.0.0.0/0 10.0.0.2"},
		{"routes that lead nowhere", classless("127.0.0.0/8 10.0.0.1", "224.0.0.0/4 10.0.0.1", "10.0.0.0/24 10.0.0.1", "10.0.0.0/16 10.0.0.1", "10.8.0.0/16 192.0.2.1", "10.7.0.0/16 0.0.0.0", "10.6.0.0/16 10.0.0.1", "10.6.0.0/16 10.0.0.2"), "10.6.0.0/16 10.0.0.1"},
		{"too many", classless(many...), strings.Join(many[:mostRoutes], ", ")},
	} {
		p := newPlay(t, nil)
		p.answers(p.expects(discover, none), offer, test.change)
		p.answers(p.expects(request, "10.0.0.5"), ack, test.change)
		var got []string
		for _, r := range p.m.lease.Routes {
			got = append(got, r.To.String()+" "+r.Via.String())
		}
		if text := strings.Join(got, ", "); text != test.want {
			t.Errorf("%s: %s, want %s", test.name, text, test.want)
		}
	}
}

// No bytes from the network end the client, or get past the checks.
func FuzzAnswer(f *testing.F) {
	p := newPlay(&testing.T{}, nil)
	m, _, _ := p.sends()
	reply, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(offer), dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 5)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 1))), dhcpv4.WithLeaseTime(600), dhcpv4.WithRouter(net.IPv4(10, 0, 0, 1)))
	if err != nil {
		f.Fatal(err)
	}
	packet := pack4(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.5"), reply.ToBytes())
	packet[headerIP+1], packet[headerIP+3] = serverPort4, clientPort4
	if message, _ := unpack4(packet); message == nil {
		f.Fatal("the packet is not read")
	}
	f.Add(packet)
	f.Fuzz(func(t *testing.T, packet []byte) {
		message, _ := unpack4(packet)
		m, err := dhcpv4.FromBytes(message)
		if err != nil {
			return
		}
		l, err := readLease(m, myMAC, start)
		if err != nil {
			return
		}
		valid := func(r spec.LeasedRoute) bool { return l.Prefix.Contains(r.Via) && r.To == r.To.Masked() }
		if l.Prefix.Bits() < shortestMask || !isHost(l.Prefix.Addr()) || l.End.Sub(start) < shortestLease || l.Renew.Sub(start) < shortestRenewal || len(l.Routes) > mostRoutes {
			t.Errorf("%+v", l)
		}
		for _, r := range l.Routes {
			if !valid(r) {
				t.Errorf("%+v", r)
			}
		}
	})
}
