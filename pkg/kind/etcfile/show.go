package etcfile

import (
	"errors"
	"io/fs"
	"net/netip"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// survey returns the files of a namespace that linkd has written.
func survey(ns *observe.NS) (found []*File, err error) {
	if ns.IsPartial() || ns.Name == spec.Host || spec.CheckNSName(ns.Name) != nil {
		return nil, nil
	}
	for _, name := range []string{resolvName, hostsName} {
		f, err := read(&File{Host: ns.World().Host().Name, Namespace: ns.Name, Name: name})
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errElsewhere):
		case err != nil:
			return nil, err
		case f.marked:
			found = append(found, f)
		}
	}
	return found, nil
}

// Show writes linkd's files as the files declare them.
func (kind) Show(doc *spec.Document, found []*File, _ reconcile.JournalLookup) {
	for _, f := range found {
		if f.Name == hostsName {
			h := parseHosts(f.Text)
			doc.Namespace(f.Namespace).Set(hostsKey, h)
			continue
		}
		doc.Namespace(f.Namespace).Set(dnsKey, parseDNS(f.Text))
	}
}

// parseDNS reads what text has written; it leaves out lines that somebody else has added.
func parseDNS(text string) (d dns) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			if ip, err := netip.ParseAddr(words[1]); err == nil {
				d.Nameservers = append(d.Nameservers, address.IP(ip))
			}
		case "search":
			for _, w := range words[1:] {
				if checkDomain(w) == nil {
					d.Search = append(d.Search, domain(w))
				}
			}
		case "options":
			for _, w := range words[1:] {
				if optionText.MatchString(w) {
					d.Options = append(d.Options, option(w))
				}
			}
		}
	}
	return d
}

// parseHosts does the same for hosts.
func parseHosts(text string) hosts {
	h := hosts{}
	for line := range strings.Lines(strings.TrimPrefix(text, localhost)) {
		words := strings.Fields(line)
		if len(words) != 2 || checkHost(words[1]) != nil {
			continue
		}
		if ip, err := netip.ParseAddr(words[0]); err == nil {
			h[words[1]] = address.IP(ip)
		}
	}
	return h
}
