package spec

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Probe is a packet that linkd sends to find out whether it arrives.
type Probe struct {
	Name string
	// From is the name of the namespace that sends it.
	From string
	// To is an address, the ID of a link, the name of a namespace, or a name to look up; "" if URL has it.
	To string
	// Port is the port of a TCP connection, and URL what an HTTP request asks for. Without both, the probe is an echo.
	Port int
	URL  string
	// Every is the time between two probes.
	Every  time.Duration
	Source Source
}

// MostProbes is how many probes all files together may declare.
const MostProbes = 1000

// probeKeys are the keys of a probe.
type probeKeys struct {
	Repeated
	From  NSRef    `yaml:"from" required:"true" doc:"the namespace that sends it"`
	To    host     `yaml:"to" absent:"the host of the URL" doc:"where it goes"`
	Ping  *bool    `yaml:"ping" absent:"true, unless there is tcp or http" doc:"send a small echo request (ICMP, ICMPv6), and one as large as the MTU of the path"`
	TCP   *int     `yaml:"tcp" min:"1" max:"65535" doc:"connect to this port"`
	HTTP  probeURL `yaml:"http" doc:"ask for this URL; an answer with a status of 400 and above is a failure"`
	Every interval `yaml:"every" default:"30s" doc:"the time between probes; linkd also sends one after each change"`
}

// probes declares the probes of a document.
func (c *compiler) probes(s section) {
	for _, e := range s.probes {
		key := e.key
		ctx := c.context(s.file, e)
		p, ok := c.probe(ctx, key, e.value)
		if !ok {
			continue
		}
		if before, twice := c.declaredProbes[p.Name]; twice {
			ctx.Conflict(before.Source, "probe %q is declared twice, first in %s", p.Name, before.Source)
			continue
		}
		if len(c.declaredProbes) >= MostProbes {
			ctx.Errorf(key, "there are more than %d probes: remove some", MostProbes)
			return
		}
		c.declaredProbes[p.Name] = p
	}
}

func (c *compiler) probe(ctx *Context, key, value *yaml.Node) (p Probe, ok bool) {
	if err := checkLinkID(key.Value); err != nil {
		ctx.Errorf(key, "%v", err)
		return p, false
	}
	var keys probeKeys
	if _, ok := ctx.Fields(value, nil, &keys); !ok {
		return p, false
	}
	p = Probe{Name: key.Value, From: string(keys.From), To: string(keys.To), URL: string(keys.HTTP), Every: time.Duration(keys.Every), Source: ctx.Source()}
	if p.Every == 0 {
		p.Every = defaultInterval
	}
	ways := 0
	for _, given := range []bool{keys.Ping != nil && *keys.Ping, keys.TCP != nil, keys.HTTP != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		ctx.Errorf(value, "a probe is one of ping, tcp and http: remove the others")
		return p, false
	case ways == 0 && keys.Ping != nil:
		ctx.Errorf(ValueOf(value, "ping"), "ping: false leaves nothing to send: write tcp or http")
		return p, false
	case p.To == "" && p.URL == "":
		ctx.Errorf(value, `"to" is missing`)
		return p, false
	}
	p.Port = ValueOr(keys.TCP, 0)
	return p, true
}

// sorted are the declared probes by name.
func (c *compiler) sortedProbes() (all []Probe) {
	for _, name := range slices.Sorted(maps.Keys(c.declaredProbes)) {
		all = append(all, c.declaredProbes[name])
	}
	return all
}

// host is where a probe goes.
type host string

const longestHost = 253

func (h *host) DecodeNode(c *Context, n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("expected an address, a link or a name, found %s", describe(n))
	}
	*h = host(n.Value)
	if _, err := netip.ParseAddr(n.Value); err == nil {
		return nil
	}
	switch {
	case n.Value == "" || len(n.Value) > longestHost || strings.ContainsAny(n.Value, " \t\n/[]\"'`$;|&<>") || strings.Contains(n.Value, "://"):
		return fmt.Errorf("expected an address, a link or a name, found %s", quoted(n.Value))
	case strings.Contains(n.Value, ":"):
		return fmt.Errorf("expected an address, a link or a name without a port, found %s: write the port as tcp: PORT", quoted(n.Value))
	}
	return nil
}

func (host) Syntax() Syntax {
	return Syntax{
		Name: "host",
		Doc: "An address; the ID of a link, which stands for an address of its other end; the name of a namespace, which stands for an address in " +
			"it; or a name that linkd looks up from within the sending namespace.",
		Pattern: "^[^\\s/\"'`$;|&<>\\[\\]]{1,253}$",
	}
}

// probeURL is what an HTTP probe asks for.
type probeURL string

func (u *probeURL) DecodeNode(c *Context, n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("expected a URL, found %s", describe(n))
	}
	parsed, err := url.Parse(n.Value)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.User != nil {
		return fmt.Errorf("expected a URL such as http://10.1.0.2:8080/, found %s", quoted(n.Value))
	}
	*u = probeURL(n.Value)
	return nil
}

func (probeURL) Syntax() Syntax {
	return Syntax{Name: "URL", Doc: "A URL of http or https, without a user: `http://10.1.0.2:8080/health`.", Pattern: "^https?://[^\\s@]+$"}
}

// interval is the time between two probes.
type interval time.Duration

const (
	shortestInterval = time.Second
	longestInterval  = 24 * time.Hour
	defaultInterval  = 30 * time.Second
)

func (v *interval) DecodeNode(c *Context, n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("expected a time such as 30s, found %s", describe(n))
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("expected a time such as 30s or 5m, found %s", quoted(n.Value))
	}
	if d < shortestInterval || d > longestInterval {
		return fmt.Errorf("%s is 1s to 24h", "every")
	}
	*v = interval(d)
	return nil
}

func (interval) Syntax() Syntax {
	return Syntax{Name: "interval", Doc: "A time with its unit: `30s`, `5m`, `1h30m`. At least `1s`, at most `24h`.", Pattern: "^([0-9]+([.][0-9]+)?(ms|us|h|m|s))+$"}
}

// sender returns the namespace that a probe refers to.
func sender(probe *yaml.Node) []string {
	if from := ValueOf(probe, "from"); from != nil {
		return []string{from.Value}
	}
	return nil
}
