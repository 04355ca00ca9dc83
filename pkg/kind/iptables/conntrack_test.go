package iptables

import (
	"net/netip"
	"testing"
)

// A client sends to a port of the host that gets published. linkd deletes the entry of the connection. The host has not answered the
// last packet yet, and its answer creates an entry, which linkd deletes, too. Then the client sends again, to the container.
func TestAnswersThatComeLate(t *testing.T) {
	const (
		rule   = "-p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.1:53"
		client = "198.51.100.2:4000"
		host   = "198.51.100.1:53"
		first  = "172.17.1.1:53"
		second = "172.17.1.2:53"
	)
	local := func(ip netip.Addr) bool { return ip == netip.MustParseAddr("198.51.100.1") }
	udp := func(from, to, answers string) flow {
		return flow{protocol: 17, from: netip.MustParseAddrPort(from), to: netip.MustParseAddrPort(to), answers: netip.MustParseAddrPort(answers)}
	}
	d := departed{flows: map[flow]bool{}, retarget: &retarget{
		before: map[string][]Rule{},
		after:  map[string][]Rule{"PREROUTING": rulesOf(rule)},
		local:  local,
	}}
	choose := func(what string, f flow, want bool) {
		t.Helper()
		if got := d.chooses(f); got != want {
			t.Errorf("%s: deleted %t, want %t", what, got, want)
		}
	}
	open := func(want int) {
		t.Helper()
		if len(d.flows) != want {
			t.Errorf("linkd waits for %d clients, want %d", len(d.flows), want)
		}
	}

	answer := udp(host, client, client)
	choose("what the host itself began", answer, false)
	choose("the connection to the host", udp(client, host, host), true)
	d.add(udp(client, host, host))
	open(1)
	choose("the late answer", answer, true)
	d.add(answer)
	choose("an entry of somebody else", udp("198.51.100.3:4000", host, first), false)
	open(1)
	choose("the connection to the container", udp(client, host, first), false)
	open(0)
	choose("what the host itself begins afterwards", answer, false)

	// The target changes. The answer of the old container gets the address of the host, so the client's packets would go to it.
	d.before, d.after = d.after, map[string][]Rule{"PREROUTING": rulesOf("-p udp -m udp --dport 53 -j DNAT --to-destination " + second)}
	choose("the connection to the first container", udp(client, host, first), true)
	d.add(udp(client, host, first))
	choose("the client's packets that meet the late answer", udp(client, host, first), true)
	choose("what the host itself begins", answer, false)
	open(1)
	choose("the connection to the second container", udp(client, host, second), false)
	open(0)
}
