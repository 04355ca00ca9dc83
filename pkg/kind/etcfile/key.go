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
			addNamed(c, dnsKey, &File{Name: resolvName, Text: d.text(), resolver: d})
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
			addNamed(c, hostsKey, &File{Name: hostsName, Text: h.text()})
		}).Called("extra_hosts", "etc_hosts"),
	}
}

// addNamed declares a file of the namespace, which linkd has to create or expose.
func addNamed(c *spec.Context, key string, f *File) {
	f.Host, f.Namespace, f.Source = c.HostNamespace(), c.NS, c.Source()
	whenNamed(c, key, f.Source, func() { c.Add(f) })
}

// whenNamed calls f when all files have been read, if linkd creates or exposes the namespace. Otherwise key is an error.
func whenNamed(c *spec.Context, key string, source spec.Source, f func()) {
	c.Later(func() {
		if c.Declared(spec.NamespaceID(c.NS)) == nil {
			c.Reject(source, "%s is for a namespace that has a name in /run/netns by linkd: it goes with create: true or expose: true", key)
			return
		}
		f()
	})
}

// Lease declares that the programs of the context's namespace use the resolver of a DHCP lease, after that of the files. lease is nil
// while there is none.
func Lease(c *spec.Context, lease *spec.Lease, source spec.Source) {
	host := c.HostNamespace()
	whenNamed(c, dnsKey, source, func() {
		if lease == nil {
			return
		}
		f := &File{Host: host, Namespace: c.NS, Name: resolvName, Source: source}
		if declared, is := c.Declared(f.ID()).(*File); is {
			f = declared
		}
		before := len(f.resolver.Nameservers) + len(f.resolver.Search)
		for _, ip := range lease.Nameservers {
			if !slices.Contains(f.resolver.Nameservers, address.IP(ip)) {
				f.resolver.Nameservers = append(f.resolver.Nameservers, address.IP(ip))
			}
		}
		for _, name := range lease.Search {
			if checkDomain(name) == nil && !slices.Contains(f.resolver.Search, domain(name)) {
				f.resolver.Search = append(f.resolver.Search, domain(name))
			}
		}
		if len(f.resolver.Nameservers)+len(f.resolver.Search) == before {
			return
		}
		f.Text = f.resolver.text()
		if c.Declared(f.ID()) == nil {
			c.Add(f)
		}
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
