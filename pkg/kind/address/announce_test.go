package address

import (
	"encoding/hex"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/reconcile"
)

var mac = net.HardwareAddr{2, 0, 0, 0, 0, 0x0a}

// The packets are the same as those of `arping -U` and ndisc_send_unsol_na (net/ipv6/ndisc.c).
func TestAnnouncementsAreTheStandardPackets(t *testing.T) {
	for _, test := range []struct {
		ip       string
		router   bool
		protocol uint16
		to       string
		packet   string
	}{
		{"192.0.2.10", false, unix.ETH_P_ARP, "ff:ff:ff:ff:ff:ff", "0001" + "0800" + "06" + "04" + "0001" + "02000000000a" + "c000020a" + "000000000000" + "c000020a"},
		{"2001:db8::10", false, unix.ETH_P_IPV6, "33:33:00:00:00:01", "60000000" + "0020" + "3a" + "ff" +
			"20010db8000000000000000000000010" + "ff020000000000000000000000000001" +
			"8800" + "f903" + "20000000" + "20010db8000000000000000000000010" + "0201" + "02000000000a"},
		{"2001:db8::10", true, unix.ETH_P_IPV6, "33:33:00:00:00:01", "60000000" + "0020" + "3a" + "ff" +
			"20010db8000000000000000000000010" + "ff020000000000000000000000000001" +
			"8800" + "7903" + "a0000000" + "20010db8000000000000000000000010" + "0201" + "02000000000a"},
	} {
		protocol, to, packet := announcement(netip.MustParseAddr(test.ip), mac, test.router)
		if protocol != test.protocol || to.String() != test.to || hex.EncodeToString(packet) != test.packet {
			t.Errorf("%s is announced to %s in %#x as\n%x, want\n%s", test.ip, to, protocol, packet, test.packet)
		}
	}
}

func TestOnlyUsableAddressesAreAnnounced(t *testing.T) {
	up := uint32(unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING)
	host := scopeHost
	for _, test := range []struct {
		name string
		want Address
		have Address
		is   reconcile.Readiness
	}{
		{"usable", Address{}, Address{found: found{device: up}}, reconcile.Ready},
		{"not to be announced", Address{Quiet: true}, Address{found: found{device: up}}, reconcile.Never},
		{"of the host alone", Address{}, Address{Scope: &host, found: found{device: up}}, reconcile.Never},
		{"a device without ARP", Address{}, Address{found: found{device: up | unix.IFF_NOARP}}, reconcile.Never},
		{"a point-to-point link", Address{}, Address{found: found{device: up | unix.IFF_POINTOPOINT}}, reconcile.Never},
		{"loopback", Address{}, Address{found: found{device: up | unix.IFF_LOOPBACK}}, reconcile.Never},
		{"down", Address{}, Address{}, reconcile.NotReady},
		{"no carrier", Address{}, Address{found: found{device: unix.IFF_UP}}, reconcile.NotReady},
		{"a carrier that has just come", Address{}, Address{found: found{device: unix.IFF_UP | unix.IFF_LOWER_UP}}, reconcile.ReadySoon},
		{"tentative", Address{}, Address{found: found{device: up, Tentative: true}}, reconcile.ReadySoon},
		{"a duplicate", Address{}, Address{found: found{device: up, Tentative: true, DADFailed: true}}, reconcile.NotReady},
	} {
		if is := (announcing{}).Readiness(&test.want, &test.have); is != test.is {
			t.Errorf("%s: %d, want %d", test.name, is, test.is)
		}
	}
}
