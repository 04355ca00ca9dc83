package iptables

import (
	"net/netip"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// parseConfig returns the config from which linkd's chains were compiled, as far as the marks of their rules tell. loopback reports
// whether ports are published on the loopback addresses, too.
func (k kind) parseConfig(chains []*Chain) (c config, loopback bool) {
	for _, chain := range chains {
		for _, r := range chain.Rules {
			w := readWords(r.Args)
			switch key := k.keyOf(r); {
			case key == "rules":
				c.Rules = append(c.Rules, verbatimOf(chain, r))
			case key == "forward":
				c.Forward = append(c.Forward, w.forward())
			case key == "masquerade":
				c.Masquerade = append(c.Masquerade, masquerade{From: w.network("-s"), To: w.network("-d"), Out: w.device("-o")})
			case strings.HasPrefix(key, "publish/") && chain.Table == "nat" && chain.hook() == "OUTPUT":
				// Each entry has exactly one such rule, and that has all of its fields.
				c.Publish = append(c.Publish, w.publish())
				loopback = loopback || w["-d"] == ""
			}
		}
	}
	return c, loopback
}

// keyOf returns the key in a rule's mark, below the key of the family.
func (f family) keyOf(r Rule) string {
	_, key, _ := strings.Cut(r.pathInMark(), "/"+f.name+"/")
	return key
}

// ruleWords has the options of a rule that linkd composed, with their values. A negated value starts with "!".
type ruleWords map[string]string

func readWords(args []string) ruleWords {
	w, not := ruleWords{}, ""
	for i := 0; i+1 < len(args); i++ {
		if args[i] == "!" {
			not = "!"
			continue
		}
		w[args[i]] = not + args[i+1]
		not = ""
		i++
	}
	return w
}

func (w ruleWords) network(option string) (n network) {
	if p, err := netip.ParsePrefix(w[option]); err == nil {
		n.prefix = p
	}
	return n
}

func (w ruleWords) device(option string) device { return device(w[option]) }

func (w ruleWords) ports(option string) (p ports) {
	first, last, isRange := strings.Cut(w[option], ":")
	if !isRange {
		last = first
	}
	p.first, _ = parsePort(first)
	p.last, _ = parsePort(last)
	return p
}

func (w ruleWords) forward() forward {
	f := forward{
		In: w.device("-i"), Out: w.device("-o"), From: w.network("-s"), To: w.network("-d"), Port: w.ports("--dport"), Action: w["-j"],
	}
	for i := range protocols {
		if protocols[i].name == w["-p"] {
			f.Protocol.protocol = &protocols[i]
		}
	}
	if f.Action == "ACCEPT" && f != (forward{Action: f.Action}) {
		f.Action = ""
	}
	return f
}

func (w ruleWords) publish() publish {
	p := publish{Protocol: w["-p"], Address: w.network("-d"), Port: w.ports("--dport")}
	if p.Protocol == "tcp" {
		p.Protocol = ""
	}
	p.To.AddrPort, _ = endOf(w["--to-destination"], 0)
	return p
}

func verbatimOf(chain *Chain, r Rule) verbatim {
	v := verbatim{Chain: chainRef{name: chain.hook()}}
	if chain.Table != filter {
		v.Table = chain.Table
	}
	words := r.Args
	if short := withoutImplied(words); newRule(r.pathInMark(), short...).Mark == r.Mark {
		words = short
	}
	for _, word := range words {
		v.Args = append(v.Args, argument{text: word})
	}
	return v
}

// withoutImplied omits the matches that iptables prints after a protocol, and that a user need not write: -p tcp -m tcp.
func withoutImplied(args []string) (short []string) {
	for i := 0; i < len(args); i++ {
		if i >= 2 && i+1 < len(args) && args[i] == "-m" && args[i-2] == "-p" && args[i-1] == args[i+1] {
			i++
			continue
		}
		short = append(short, args[i])
	}
	return short
}

func (r Rule) pathInMark() string {
	path, _, _ := strings.Cut(strings.TrimPrefix(r.Mark, ownMark), " ")
	return path
}

func (r Rule) hashInMark() string {
	_, hash, _ := strings.Cut(r.Mark, " ")
	return hash
}

// EncodeNode encodes a number or a range.
func (p ports) EncodeNode() *yaml.Node {
	if p.one() {
		return spec.Number(uint64(p.first))
	}
	return spec.Word(p.String())
}

// EncodeNode encodes the word.
func (a argument) EncodeNode() *yaml.Node {
	if n, err := strconv.ParseUint(a.text, 10, 64); err == nil && strconv.FormatUint(n, 10) == a.text {
		return spec.Number(n)
	}
	return spec.Word(a.text)
}

func (r protocolRef) String() string { return r.name }

func (r chainRef) String() string { return r.name }

func (e endpoint) String() string {
	switch {
	case e.Port() != 0:
		return e.AddrPort.String()
	case e.Addr().Is6():
		return "[" + e.Addr().String() + "]"
	}
	return e.Addr().String()
}
