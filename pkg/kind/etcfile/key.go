package etcfile

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const dnsKey, hostsKey = "dns", "hosts"

// Keys returns the keys of a namespace about these files.
func Keys() []spec.Key {
	return []spec.Key{
		spec.NewKey(dnsKey, "resolver settings for programs that ip-netns(8) starts in the namespace, in /etc/netns/NAME/resolv.conf", func(c *spec.Context, d dns) {
			add(c, dnsKey, resolvName, d.text())
			if len(d.Nameservers) > mostNameservers {
				c.Warn(c.Source(), "the resolver of the C library asks the first %d of %d nameservers only (resolv.conf(5))", mostNameservers, len(d.Nameservers))
			}
		}).Called("nameservers=dns: {nameservers: [IP]}", "resolver", "resolv_conf"),
		spec.NewKey(hostsKey, "names and their addresses for the programs that ip-netns(8) starts in the namespace, in /etc/netns/NAME/hosts", func(c *spec.Context, h hosts) {
			for _, name := range slices.Sorted(maps.Keys(h)) {
				if err := checkHost(name); err != nil {
					c.Errorf(c.Node(), "%v", err)
				}
			}
			add(c, hostsKey, hostsName, h.text())
		}).Called("extra_hosts", "etc_hosts"),
	}
}

// add declares a file of the namespace, which linkd has to create or expose.
func add(c *spec.Context, key, name, text string) {
	host := c.HostNamespace()
	c.Later(func() {
		if c.Declared(spec.NamespaceID(c.NS)) == nil {
			c.Reject(c.Source(), "%s is for a namespace that has a name in /run/netns by linkd: it goes with create: true or expose: true", key)
			return
		}
		c.Add(&File{Host: host, Namespace: c.NS, Name: name, Text: text, Source: c.Source()})
	})
}

// mostNameservers is MAXNS in resolv.h of the C library.
const mostNameservers = 3

// dns is what resolv.conf(5) says.
type dns struct {
	Nameservers []address.IP `yaml:"nameservers" also:"servers nameserver addresses" doc:"addresses of the name servers, in the order in which they are asked"`
	Search      []domain     `yaml:"search" also:"domains domain" doc:"domains in which a short name is looked up"`
	Options     []option     `yaml:"options" doc:"options of resolv.conf(5), such as ndots:2"`
}

func (d dns) text() string {
	var b strings.Builder
	for _, ip := range d.Nameservers {
		fmt.Fprintf(&b, "nameserver %s\n", netip.Addr(ip))
	}
	if len(d.Search) > 0 {
		fmt.Fprintf(&b, "search %s\n", join(d.Search))
	}
	if len(d.Options) > 0 {
		fmt.Fprintf(&b, "options %s\n", join(d.Options))
	}
	return b.String()
}

func join[W ~string](words []W) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, " ")
}

// domain is the name of a host or a domain (RFC 1123), with or without a dot at its end.
type domain string

var domainText = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$`)

// longestDomain is the longest name of DNS in bytes.
const longestDomain = 253

func (d *domain) DecodeWord(word string) error {
	*d = domain(word)
	return checkDomain(word)
}

func checkDomain(word string) error {
	if len(word) > longestDomain || word != "." && !domainText.MatchString(word) {
		return fmt.Errorf("%q is no name of a host or a domain", word)
	}
	return nil
}

func checkHost(name string) error {
	if name == "localhost" {
		return errors.New("localhost is there without being said")
	}
	return checkDomain(name)
}

func (domain) Syntax() spec.Syntax {
	return spec.Syntax{Name: "domain", Doc: "The name of a domain: `example.org`.", Pattern: `^([A-Za-z0-9_.-]{1,253})$`}
}

// option is an option of resolv.conf(5).
type option string

var optionText = regexp.MustCompile(`^[a-z0-9-]+(:[0-9]+)?$`)

func (o *option) DecodeWord(word string) error {
	if *o = option(word); !optionText.MatchString(word) {
		return fmt.Errorf("%q is no option of resolv.conf(5): a word, as rotate, or WORD:NUMBER, as ndots:2", word)
	}
	return nil
}

func (option) Syntax() spec.Syntax {
	return spec.Syntax{Name: "resolver option", Doc: "A word, or a word and a number: `rotate`, `ndots:2` (resolv.conf(5)).", Pattern: optionText.String()}
}

// hosts are addresses by name.
type hosts map[string]address.IP

// localhost are the lines that every machine has, because the file takes the place of the machine's own.
const localhost = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

func (h hosts) text() string {
	text := localhost
	for _, name := range slices.Sorted(maps.Keys(h)) {
		text += fmt.Sprintf("%s\t%s\n", netip.Addr(h[name]), name)
	}
	return text
}
