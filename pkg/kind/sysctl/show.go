package sysctl

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// The settings that show prints if they differ from the kernel's default (Documentation/networking/ip-sysctl.rst): those about
// forwarding packets and answering neighbours. ofInterfaces has the defaults of conf/all and conf/default; show compares an
// interface's settings with conf/default.
var (
	ofNamespaces = map[string]string{
		"net/ipv4/ip_forward":                 "0",
		"net/ipv4/ip_nonlocal_bind":           "0",
		"net/ipv4/fib_multipath_hash_policy":  "0",
		"net/ipv6/ip_nonlocal_bind":           "0",
		"net/ipv6/fib_multipath_hash_policy":  "0",
		"net/bridge/bridge-nf-call-iptables":  "1",
		"net/bridge/bridge-nf-call-ip6tables": "1",
		"net/bridge/bridge-nf-call-arptables": "1",
	}
	ofInterfaces = map[string]map[string]string{
		"ipv4": {
			"accept_local": "0", "arp_accept": "0", "arp_announce": "0", "arp_filter": "0", "arp_ignore": "0",
			"forwarding": "0", "proxy_arp": "0", "proxy_arp_pvlan": "0", "route_localnet": "0", "rp_filter": "0",
			"src_valid_mark": "0",
		},
		"ipv6": {
			"accept_ra": "1", "addr_gen_mode": "0", "autoconf": "1", "disable_ipv6": "0", "forwarding": "0", "proxy_ndp": "0",
		},
	}
)

// survey finds the settings to show: those that differ from their defaults, and those in kept.
func (k kind) survey(ctx context.Context, ns *observe.NS, kept []Sysctl) ([]Sysctl, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	s := survey{ns: ns.Name, seen: map[string]bool{}}
	err = ns.Do(func() error {
		for _, k := range kept {
			s.note(k.Path, k.Dev, "")
		}
		for path, usual := range ofNamespaces {
			if !ns.IsPartial() {
				s.note(path, "", usual)
			}
		}
		for family, settings := range ofInterfaces {
			for name, usual := range settings {
				path := func(dev string) string { return "net/" + family + "/conf/" + dev + "/" + name }
				for _, template := range []string{"all", "default"} {
					if !ns.IsPartial() && !follows(family, template, name) {
						s.note(path(template), "", usual)
					}
				}
				given, err := read(path("default"))
				if err != nil {
					// This kernel has no such family or setting.
					continue
				}
				for _, l := range links.All {
					s.note(path(l.Name), l.Name, given)
				}
			}
		}
		return errors.Join(ctx.Err(), s.err)
	})
	return s.found, err
}

type survey struct {
	ns    string
	seen  map[string]bool
	found []Sysctl
	err   error
}

// note adds a setting that differs from its usual value. It skips one that cannot be read.
func (s *survey) note(path, dev, usual string) {
	value, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EIO):
	case err != nil:
		s.err = errors.Join(s.err, err)
	case value != usual && !s.seen[path]:
		s.seen[path] = true
		s.found = append(s.found, Sysctl{NS: s.ns, Path: path, Dev: dev, Value: value})
	}
}

// follows reports whether a setting of conf/all or conf/default changes with another one: with ip_forward, or with forwarding of
// conf/all (inet_forward_change in net/ipv4/devinet.c, addrconf_fixup_forwarding in net/ipv6/addrconf.c).
func follows(family, template, name string) bool {
	return name == "forwarding" && (family == "ipv4" || template == "default")
}

// Show writes the settings as YAML.
func (kind) Show(doc *spec.Document, found []Sysctl, _ reconcile.JournalLookup) {
	namespaces, devices := map[string]map[string]value{}, map[spec.End]map[string]value{}
	for _, s := range found {
		parts := strings.Split(s.Path, "/")
		switch {
		case s.Dev == "":
			add(namespaces, s.NS, s.ID().Key, s.Value)
		case parts[2] == "conf":
			add(devices, spec.End{NS: s.NS, Dev: s.Dev}, parts[1]+"."+parts[4], s.Value)
		default:
			add(devices, spec.End{NS: s.NS, Dev: s.Dev}, parts[1]+"."+parts[2]+"."+parts[4], s.Value)
		}
	}
	for ns, values := range namespaces {
		doc.Namespace(ns).Set(keyName, values)
	}
	for end, values := range devices {
		doc.End(end.NS, end.Dev).Set(keyName, values)
	}
}

func add[K comparable](to map[K]map[string]value, at K, name, text string) {
	if to[at] == nil {
		to[at] = map[string]value{}
	}
	to[at][name] = value(text)
}

func (v value) EncodeNode() *yaml.Node {
	if number, err := strconv.ParseInt(string(v), 10, 64); err == nil && strconv.FormatInt(number, 10) == string(v) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: string(v)}
	}
	return spec.Word(string(v))
}
