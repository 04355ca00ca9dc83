package kind_test

import (
	"fmt"
	"testing"

	"linkd/pkg/kind/conform"
)

// egress is a file that shapes eth0 of the lab.
func egress(keys string) string {
	return fmt.Sprintf("namespaces: {lab: {}}\nlinks:\n  eth0: {kind: existing, netns: lab, egress: {%s}}\n", keys)
}

const nothing = "namespaces: {lab: {}}\n"

// The journal has what linkd took the place of, whatever becomes of linkd's own qdisc, the file and linkd meanwhile.
func TestAQdiscOfOthersIsPutBack(t *testing.T) {
	conform.NeedsTraffic(t, "sch_tbf")
	d := newDaemon(t)
	d.lab.IP(t, "link add eth0 type veth peer name eth9\n")
	d.lab.TC(t, "qdisc add dev eth0 root handle 7: pfifo limit 77\n")
	d.wants(egress("rate: 1mbit"), `
lab/egress/eth0 failed: eth0 already has the root qdisc pfifo 7: that linkd did not create. Delete it (tc qdisc del dev eth0 root), or write adopt: true in egress
`)
	d.wants(egress("rate: 1mbit, adopt: true"), `
~ lab/egress/eth0  (qdisc: pfifo 7: -> tbf, rate: (none) -> 1mbit, burst: (none) -> 3036b, latency: (none) -> 50ms)
`)
	d.restart()
	d.wants(egress("rate: 2mbit, adopt: true"), `
~ lab/egress/eth0  (rate: 1mbit -> 2mbit)
`)
	d.lab.TC(t, "qdisc del dev eth0 root\n")
	d.wants(egress("rate: 2mbit, adopt: true"), `
+ lab/egress/eth0
`)
	// A larger MTU takes a larger burst, unless the file says which.
	d.lab.IP(t, "link set eth0 mtu 9000\n")
	d.wants(egress("rate: 2mbit, adopt: true"), `
~ lab/egress/eth0  (burst: 3036b -> 18036b)
`)
	d.restart()
	d.wants(nothing, `
~ lab/egress/eth0  (qdisc: tbf -> pfifo 7:, put back)
`)
	if got, want := conform.TC(t, "-n lab qdisc show dev eth0"), "qdisc pfifo 7: root refcnt 3 limit 77p\n"; got != want {
		t.Errorf("now there is %s", got)
	}
}

// Where nothing was, nothing is put back, and what somebody has put in linkd's place stays.
func TestAQdiscThatTookNobodysPlaceEnds(t *testing.T) {
	conform.NeedsTraffic(t, "sch_tbf")
	d := newDaemon(t)
	d.lab.IP(t, "link add eth0 type veth peer name eth9\n")
	d.wants(egress("rate: 1mbit, adopt: true"), `
+ lab/egress/eth0
`)
	d.wants(nothing, `
~ lab/egress/eth0  (qdisc: tbf -> (none), put back)
`)
	d.wants(egress("rate: 1mbit, adopt: true"), `
+ lab/egress/eth0
`)
	d.lab.TC(t, "qdisc replace dev eth0 root handle 8: pfifo limit 88\n")
	d.wants(nothing, "")
	d.wants(egress("rate: 1mbit"), `
lab/egress/eth0 failed: eth0 already has the root qdisc pfifo 8: that linkd did not create. Delete it (tc qdisc del dev eth0 root), or write adopt: true in egress
`)
	d.lab.TC(t, "qdisc replace dev eth0 root handle 9: htb\n")
	d.wants(egress("rate: 1mbit, adopt: true"), `
lab/egress/eth0 failed: eth0 already has the root qdisc htb 9: that linkd did not create. Delete it (tc qdisc del dev eth0 root): linkd could not put back the classes of a qdisc of the kind htb
`)
	d.lab.TC(t, "qdisc del dev eth0 root\n")
	d.wants(egress("rate: 1mbit"), `
+ lab/egress/eth0
`)
	d.wants(nothing, `
- lab/egress/eth0
`)
}
