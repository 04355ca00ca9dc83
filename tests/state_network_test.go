package tests

import (
	"path/filepath"
	"slices"
	"strings"
)

// fallback are the devices that some kernels put into every new network namespace.
var fallback = []string{
	"tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0",
}

// kindDefaults are the options of a kind of link that are shown, with the kernel's default, which is not.
var kindDefaults = map[string]map[string]string{
	"bridge": {
		"stp_state": "0", "priority": "32768", "forward_delay": "1500", "hello_time": "200", "max_age": "2000",
		"ageing_time": "30000", "vlan_filtering": "0", "mcast_snooping": "1",
	},
	"macvlan": {"mode": ""},
	"vxlan":   {"id": "", "local": "", "group": "", "remote": "", "link": "", "port": "4789", "learning": "on"},
}

var portDefaults = map[string]string{
	"cost": "2", "priority": "32", "hairpin": "off", "isolated": "off", "learning": "on", "flood": "on",
	"mcast_flood": "on", "guard": "off", "fastleave": "off", "neigh_suppress": "off",
}

func (r *reader) links() {
	var lines []string
	for _, l := range r.ip("-details", "link") {
		name := l.str("ifname")
		if slices.Contains(fallback, name) {
			continue
		}
		info := l.object("linkinfo")
		kind := info.str("info_kind")
		text := new(line).add("link", name).addIf(kind != "", kind).add("mtu", l.str("mtu"))
		text.addIf(l.flag("UP"), "up")
		text.addIf(l.has("master"), "master", l.str("master"))
		text.options(info.object("info_data"), kindDefaults[kind])
		text.addIf(l.has("ifalias") && !r.unmarked, "alias", l.str("ifalias"))
		lines = append(lines, text.String())
		if info.str("info_slave_kind") == "bridge" {
			port := new(line).add("port", name).options(info.object("info_slave_data"), portDefaults)
			if len(port.words) > 2 {
				lines = append(lines, port.String())
			}
		}
	}
	r.lines(lines)
}

// vlans are those of bridges and their ports, unless it is the one into which the kernel puts both by itself.
func (r *reader) vlans() {
	var lines []string
	for _, p := range r.json("bridge", "-compressvlans", "-json", "vlan", "show") {
		var vlans []string
		for _, v := range p.objects("vlans") {
			text := new(line).add(v.str("vlan")).addIf(v.has("vlanEnd"), "to", v.str("vlanEnd"))
			text.addIf(v.flag("PVID"), "pvid").addIf(v.flag("Egress Untagged"), "untagged")
			vlans = append(vlans, text.String())
		}
		if all := strings.Join(vlans, ", "); all != "1 pvid untagged" {
			lines = append(lines, "vlans "+p.str("ifname")+" "+all)
		}
	}
	r.lines(lines)
}

// options adds the options that are not at their default, in the order of their names.
func (l *line) options(o object, defaults map[string]string) *line {
	var names []string
	for name, standard := range defaults {
		if _, ok := o[name]; ok && o.str(name) != standard {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		l.add(name, o.str(name))
	}
	return l
}

func (r *reader) addresses() {
	var lines []string
	for _, l := range r.ip("address") {
		name := l.str("ifname")
		for _, a := range l.objects("addr_info") {
			if a.str("scope") == "link" && a.str("family") == "inet6" {
				continue
			}
			text := new(line).add("address", name, a.str("local")+"/"+a.str("prefixlen"))
			text.addIf(a.has("address"), "peer", a.str("address"))
			text.addIf(a.has("label") && a.str("label") != name, "label", a.str("label"))
			text.addIf(a.str("scope") != "global", "scope", a.str("scope"))
			text.addIf(a.has("broadcast"), "broadcast", a.str("broadcast"))
			text.addIf(a.has("metric"), "metric", a.str("metric"))
			text.addIf(a.has("nodad"), "nodad")
			text.addIf(a.has("noprefixroute"), "noprefixroute")
			text.addIf(a.has("dadfailed"), "dadfailed")
			lines = append(lines, text.String())
		}
	}
	r.lines(lines)
}

func (r *reader) routes() {
	var lines []string
	for _, o := range r.ip("route", "show", "table", "all") {
		// The local table, its like in the tables of VRFs, and the routes of link-local addresses follow from what is
		// shown already.
		if o.str("table") == "local" || o.str("dst") == "fe80::/64" || (o.has("type") && o.str("protocol") == "kernel") {
			continue
		}
		text := new(line).add("route").addIf(o.has("type"), o.str("type")).add(o.str("dst"))
		text.hop(o)
		text.addIf(o.has("table"), "table", o.str("table"))
		text.addIf(o.has("prefsrc"), "src", o.str("prefsrc"))
		text.addIf(o.has("scope") && o.str("scope") != "global", "scope", o.str("scope"))
		text.addIf(o.has("metric"), "metric", o.str("metric"))
		for _, m := range o.objects("metrics") {
			text.addIf(m.has("mtu"), "mtu", m.str("mtu"))
		}
		text.addIf(o.flag("onlink"), "onlink")
		text.addIf(o.has("protocol") && !r.unmarked, "proto", o.str("protocol"))
		for _, hop := range o.objects("nexthops") {
			text.add("nexthop").hop(hop).addIf(hop.has("weight"), "weight", hop.str("weight"))
		}
		lines = append(lines, text.String())
	}
	r.lines(lines)
}

// hop adds where a route goes; the next hop of another address family has a field of its own.
func (l *line) hop(o object) *line {
	l.addIf(o.has("gateway"), "via", o.str("gateway"))
	l.addIf(o.has("via"), "via", o.object("via").str("host"))
	return l.addIf(o.has("dev"), "dev", o.str("dev"))
}

func (r *reader) rules() {
	for _, family := range []string{"-4", "-6"} {
		var lines []string
		for _, o := range r.ip(family, "rule") {
			if p := o.str("priority"); p == "0" || p == "32766" || p == "32767" {
				continue
			}
			text := new(line).add("rule", family, o.str("priority")+":")
			for _, field := range []string{"src", "srclen", "dst", "dstlen", "iif", "oif", "fwmark", "fwmask", "table", "suppress_prefixlen", "action"} {
				text.addIf(o.has(field), field, o.str(field))
			}
			text.addIf(o.has("protocol") && !r.unmarked, "proto", o.str("protocol"))
			lines = append(lines, text.String())
		}
		r.lines(lines)
	}
}

func (r *reader) neighbours() {
	var lines []string
	for _, show := range [][]string{{"nud", "permanent"}, {"proxy"}} {
		for _, o := range r.ip(append([]string{"neighbour", "show"}, show...)...) {
			text := new(line).add("neighbour", o.str("dev"), o.str("dst"))
			lines = append(lines, text.addIf(o.has("lladdr"), o.str("lladdr")).addIf(show[0] == "proxy", "proxy").String())
		}
	}
	r.lines(lines)
}

// forwarding shows what somebody made: a bridge's own addresses are permanent, too, and what a device receives has no
// dst. An entry without a VLAN is of each VLAN of the port, where the kernel knows of VLANs at all.
func (r *reader) forwarding() {
	made := r.json("bridge", "-json", "fdb", "show")
	everyVLAN := map[string]bool{}
	for _, o := range made {
		everyVLAN[o.str("ifname")+o.str("mac")] = everyVLAN[o.str("ifname")+o.str("mac")] || !o.has("vlan")
	}
	var lines []string
	for _, o := range made {
		one := o.has("vlan") && everyVLAN[o.str("ifname")+o.str("mac")]
		if !one && (o.str("state") == "static" || o.has("dst") && o.str("state") == "permanent") {
			text := new(line).add("fdb", o.str("ifname"), o.str("mac"))
			lines = append(lines, text.addIf(o.has("vlan"), "vlan", o.str("vlan")).addIf(o.has("dst"), "dst", o.str("dst")).String())
		}
	}
	r.lines(lines)
}

// sysctls shows the switches of the whole namespace always, and those of a device where they are on.
func (r *reader) sysctls() {
	const root = "/proc/sys/"
	// The shell expands the patterns within the namespace.
	out := r.output("sh", "-c", "cd "+root+" && grep -H '' net/ipv4/ip_forward net/ipv6/conf/all/forwarding "+
		"net/ipv4/conf/*/proxy_arp net/ipv4/conf/*/route_localnet net/ipv4/conf/*/arp_ignore "+
		"net/ipv6/conf/*/disable_ipv6 net/ipv6/conf/*/proxy_ndp")
	var lines []string
	for l := range strings.Lines(out) {
		path, value, _ := strings.Cut(strings.TrimSpace(l), ":")
		if slices.Contains(fallback, filepath.Base(filepath.Dir(path))) {
			continue
		}
		if global := strings.Count(path, "/") == 2 || strings.Contains(path, "/all/forwarding"); global || value != "0" {
			lines = append(lines, "sysctl "+path+" = "+value)
		}
	}
	r.lines(lines)
}
