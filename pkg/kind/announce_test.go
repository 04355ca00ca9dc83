package kind

import (
	"testing"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestAnnounceIsOfAnEndAndOfAnAddress(t *testing.T) {
	for entries, quiet := range map[string]bool{
		"addresses: [192.0.2.1/24]":                                             false,
		"announce: false, addresses: [192.0.2.1/24]":                            true,
		"addresses: [{address: 192.0.2.1/24, announce: false}]":                 true,
		"announce: false, addresses: [{address: 192.0.2.1/24, announce: true}]": false,
	} {
		all := conform.Read(t, Language(), "links: {br0: {kind: bridge, "+entries+"}}")
		found := false
		for _, r := range all {
			if a, is := r.(*address.Address); is {
				found = true
				if a.Quiet != quiet {
					t.Errorf("%s: not announced: %t, want %t", entries, a.Quiet, quiet)
				}
			}
		}
		if !found {
			t.Errorf("%s: no address", entries)
		}
	}
}

// The way to an address on one end of a veth leads through the other end, and the ports that the two are.
func TestAddressesAreReachedByBothEndsAndTheirPorts(t *testing.T) {
	all := conform.Read(t, Language(), `
namespaces: {a: {create: true}}
links:
  br0: {kind: bridge}
  up: {kind: macvlan, name: up, netns: a, parent: {netns: host, name: v0}, addresses: [192.0.2.1/24]}
  v:
    kind: veth
    ends: [{name: v0, master: br0}, {netns: a, name: eth0, addresses: [192.0.2.2/24]}]
`)
	want := map[spec.ID][]string{
		{NS: "a", Kind: "address", Key: "eth0/192.0.2.2/24"}: {"a/link/eth0", "host/link/v0", "host/port/v0"},
		{NS: "a", Kind: "address", Key: "up/192.0.2.1/24"}:   {"a/link/up", "host/link/v0", "host/port/v0", "a/link/eth0"},
	}
	for _, r := range all {
		through, is := want[r.ID()]
		if !is {
			continue
		}
		var reached []string
		for _, id := range r.Relations().ReachedBy {
			reached = append(reached, id.String())
		}
		if len(reached) != len(through) {
			t.Errorf("%s is reached by %v, want %v", r.ID(), reached, through)
			continue
		}
		for i := range through {
			if reached[i] != through[i] {
				t.Errorf("%s is reached by %v, want %v", r.ID(), reached, through)
			}
		}
	}
}
