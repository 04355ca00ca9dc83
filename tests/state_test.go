package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// state prints all that a story may want to compare of a network namespace, one thing a line: nothing that differs
// from run to run (indexes, random MACs, link-local addresses, counters, operational state), and nothing that is at
// the kernel's default, so that a short text is a whole state.
//
// With -unmarked it prints what the kernel does and leaves out who made it: aliases, route protocols, and chains
// named LINKD-*, whose rules stand where the jump to them is.
func (s *stage) state(ts *testscript.TestScript, neg bool, args []string) {
	unmarked := len(args) > 0 && args[0] == "-unmarked"
	if unmarked {
		args = args[1:]
	}
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: state [-unmarked] NETNS [FILE]")
	}
	r := &reader{ts: ts, stage: s, netns: s.netns(args[0]), unmarked: unmarked}
	if args[0] == "host" {
		r.names()
	}
	r.links()
	r.vlans()
	r.addresses()
	r.routes()
	r.rules()
	r.neighbours()
	r.forwarding()
	r.firewall("iptables")
	r.firewall("ip6tables")
	r.sysctls()
	if len(args) == 2 {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(r.text.String()), 0o644))
		return
	}
	ts.Stdout().Write([]byte(r.text.String()))
}

// reader collects the lines of one namespace.
type reader struct {
	ts       *testscript.TestScript
	stage    *stage
	netns    string
	unmarked bool
	text     strings.Builder
}

// object is one of the things that ip prints with -json: its fields are too many and too varied for structs.
type object map[string]any

// has reports whether the field is there and set.
func (o object) has(field string) bool {
	v, ok := o[field]
	return ok && v != nil && v != "" && v != false
}

// object returns the field as an object, empty if it is not there.
func (o object) object(field string) object {
	m, _ := o[field].(map[string]any)
	return m
}

// objects returns the field as a list of objects, empty if it is not there.
func (o object) objects(field string) []object {
	list, _ := o[field].([]any)
	var objects []object
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			objects = append(objects, m)
		}
	}
	return objects
}

// str returns the field as ip would print it.
func (o object) str(field string) string {
	switch v := o[field].(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "on"
		}
		return "off"
	default:
		return fmt.Sprint(v)
	}
}

// flag reports whether the list of flags holds the one asked for.
func (o object) flag(name string) bool {
	flags, _ := o["flags"].([]any)
	return slices.Contains(flags, any(name))
}

func (r *reader) output(args ...string) string {
	var stderr strings.Builder
	cmd := r.stage.command(r.ts, append([]string{"nsenter", "--net=" + r.netns}, args...))
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.ts.Fatalf("%s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func (r *reader) ip(args ...string) []object {
	return r.json(append([]string{"ip", "-json"}, args...)...)
}

func (r *reader) json(args ...string) []object {
	out := r.output(args...)
	var objects []object
	if strings.TrimSpace(out) != "" {
		decoder := json.NewDecoder(strings.NewReader(out))
		decoder.UseNumber()
		if err := decoder.Decode(&objects); err != nil {
			r.ts.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
	}
	return objects
}

// lines adds lines in an order of their own, because the kernel lists by index and age.
func (r *reader) lines(lines []string) {
	slices.Sort(lines)
	for _, l := range lines {
		fmt.Fprintln(&r.text, l)
	}
}

// line joins words, and pairs of a word and its value, leaving out what is not set.
type line struct{ words []string }

func (l *line) add(words ...string) *line {
	l.words = append(l.words, words...)
	return l
}

func (l *line) addIf(set bool, words ...string) *line {
	if set {
		l.add(words...)
	}
	return l
}

func (l *line) String() string { return strings.Join(l.words, " ") }

func (r *reader) names() {
	// It is there once somebody has named a namespace.
	entries, err := os.ReadDir("/run/netns")
	if !errors.Is(err, fs.ErrNotExist) {
		r.ts.Check(err)
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, "netns "+e.Name())
	}
	r.lines(lines)
}

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

var (
	jump    = regexp.MustCompile(`^-A (\S+)( -m comment --comment ("[^"]*"|\S+))? -j (LINKD-\S+)$`)
	comment = regexp.MustCompile(` -m comment --comment ("(\\"|[^"])*"|\S+)`)
)

// firewall keeps the order of the rules of a chain, and forgets tables and chains that are as good as not there.
func (r *reader) firewall(program string) {
	tables := map[string][]string{}
	table := ""
	for l := range strings.Lines(r.output(program + "-save")) {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "*"):
			table = l[1:]
		case strings.HasPrefix(l, ":"):
			chain, policy, _ := strings.Cut(l[1:], " ")
			policy, _, _ = strings.Cut(policy, " ")
			if policy == "-" {
				tables[table] = append(tables[table], "-N "+chain)
			} else if policy != "ACCEPT" {
				tables[table] = append(tables[table], "-P "+chain+" "+policy)
			}
		case strings.HasPrefix(l, "-A "):
			tables[table] = append(tables[table], l)
		}
	}
	var names []string
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines := tables[name]
		if r.unmarked {
			lines = inline(lines)
		}
		for _, l := range lines {
			fmt.Fprintln(&r.text, program, name, l)
		}
	}
}

// inline puts the rules of LINKD-* chains where the jump to them stands, without their comments.
func inline(lines []string) []string {
	chains := map[string][]string{}
	for _, l := range lines {
		if chain, rule, ok := strings.Cut(strings.TrimPrefix(l, "-A "), " "); ok && strings.HasPrefix(chain, "LINKD-") {
			chains[chain] = append(chains[chain], rule)
		}
	}
	var flat []string
	var add func(l string)
	add = func(l string) {
		m := jump.FindStringSubmatch(l)
		if m == nil {
			flat = append(flat, comment.ReplaceAllString(l, ""))
			return
		}
		for _, rule := range chains[m[4]] {
			add("-A " + m[1] + " " + rule)
		}
	}
	for _, l := range lines {
		if !strings.HasPrefix(l, "-N LINKD-") && !strings.HasPrefix(l, "-A LINKD-") {
			add(l)
		}
	}
	return flat
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
