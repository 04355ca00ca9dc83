package iptables

import (
	"net/netip"
	"slices"
	"strings"

	"linkd/pkg/graph"
)

var (
	_ graph.Annotated = &Chain{}
	_ graph.Annotated = &Policy{}
)

// Annotate adds a note for each entry of the files that the chain has the main rule of, or that it has verbatim.
func (c *Chain) Annotate(p *graph.Pen) {
	for _, r := range c.Rules {
		if text := c.entry(r); text != "" {
			p.Entry(r.Source, c.prefix()+text)
		}
	}
}

// Annotate adds a note for the policy.
func (p *Policy) Annotate(pen *graph.Pen) {
	text := "policy " + p.Chain + " " + p.Target
	if p.Family != ipv4.name {
		text = p.Family + " " + text
	}
	pen.Entry(p.Source, text)
}

// prefix returns what distinguishes the notes of a family.
func (c *Chain) prefix() string {
	if c.Family == ipv4.name {
		return ""
	}
	return c.Family + " "
}

// entry returns the entry of the files to which a rule belongs, in the words of iptables; "" if another rule stands for the
// entry. linkd recognizes an observed rule by its mark.
func (c *Chain) entry(r Rule) string {
	mark, _, _ := strings.Cut(strings.TrimPrefix(r.Mark, ownMark), " ")
	_, path, _ := strings.Cut(mark, "/"+c.Family+"/")
	key, port, _ := strings.Cut(path, "/")
	switch {
	case r.Mark == "":
	case path == rulesKey:
		return "rule " + c.Table + " " + c.hook() + " " + r.text()
	case path == "masquerade", path == "forward" && r.targets() == "ACCEPT":
		return join(append([]string{path}, r.matches()...))
	case path == "forward":
		return join(append([]string{path, r.targets()}, r.matches()...))
	case key == "publish" && c.translatesFor(r):
		text := "publish " + strings.ReplaceAll(port, "/", " ")
		if at, _, is := strings.Cut(r.value("-d"), "/"); is && !slices.Contains(r.Args, "!") {
			text += " on " + at
		}
		return text + " to " + r.value("--to-destination")
	}
	return ""
}

// matches returns the words of the rule before its target.
func (r Rule) matches() []string {
	if at := slices.Index(r.Args, "-j"); at >= 0 {
		return r.Args[:at]
	}
	return r.Args
}

// translatesFor reports whether the rule is the one of its entry that stands for it: that for packets from outside or, if the port is
// published on a loopback address, that for packets of the namespace itself.
func (c *Chain) translatesFor(r Rule) bool {
	if c.hook() == "PREROUTING" {
		return true
	}
	at, err := netip.ParsePrefix(r.value("-d"))
	return c.hook() == "OUTPUT" && err == nil && !slices.Contains(r.Args, "!") && at.Addr().IsLoopback()
}
