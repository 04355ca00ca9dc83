package iptables

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"linkd/pkg/spec"
)

// Rule is one rule of a chain: its arguments without the chain, and linkd's mark.
type Rule struct {
	// Args are the arguments without the mark. Those that linkd composes are as iptables-save prints them.
	Args []string
	// Mark is the comment by which linkd knows the rule again. It is "" for a rule that is not linkd's.
	Mark string
	// Verbatim: the arguments are a user's own, which iptables prints in its way, so the rule is told by its mark alone.
	Verbatim bool
	// Counters are those of a rule that was found, in the form [PACKETS:BYTES].
	Counters string
	// Source is where a wanted rule is declared.
	Source spec.Source

	// path is what the mark says beside the hash.
	path string
	// near is a target of the rule, which is then for sources in the target's own subnet only: see beside.
	near netip.Addr
	// masquerades: it is an entry of masquerade, which others may have made already: see isMadeIn.
	masquerades bool
}

const (
	ownMark = "linkd:"
	// longestMark is how long a comment can be, in bytes (XT_MAX_COMMENT_LEN in linux/netfilter/xt_comment.h, with the
	// zero at its end).
	longestMark = 255
)

// newRule makes a rule with linkd's mark: a comment that holds the path of the YAML key that asks for the rule, and a
// hash of what the rule says. What is at the end of the path matters more than the namespace at its beginning.
func newRule(path string, args ...string) Rule {
	sum := sha256.Sum256([]byte(strings.Join(args, "\x00")))
	hash := fmt.Sprintf(" %x", sum[:6])
	room := longestMark - len(ownMark) - len(hash)
	return Rule{Args: args, Mark: ownMark + path[max(0, len(path)-room):] + hash, path: path}
}

// from is the rule with the place where it is declared.
func (r Rule) from(src spec.Source) Rule {
	r.Source = src
	return r
}

// beside is the rule for a namespace with these subnets: one that has a target near is for the sources that reach the
// target without passing through the namespace, those of the narrowest subnet that the target is in, and the target
// itself.
func (r Rule) beside(subnets []netip.Prefix) Rule {
	if !r.near.IsValid() {
		return r
	}
	source := netip.PrefixFrom(r.near, r.near.BitLen())
	for _, s := range subnets {
		if s.Contains(r.near) && (source.IsSingleIP() || s.Bits() > source.Bits()) && !s.IsSingleIP() {
			source = s.Masked()
		}
	}
	resolved := newRule(r.path, slices.Concat([]string{"-s", source.String()}, r.Args)...)
	resolved.Source = r.Source
	return resolved
}

// is tells whether a rule that was found is the wanted one.
func (r Rule) is(found Rule) bool {
	return r.Mark == found.Mark && (r.Verbatim || slices.Equal(r.Args, found.Args))
}

// targets is the chain or extension that the rule hands packets to; "" for one that only counts.
func (r Rule) targets() string {
	for i := len(r.Args) - 2; i >= 0; i-- {
		switch r.Args[i] {
		case "-j", "--jump", "-g", "--goto":
			return r.Args[i+1]
		}
	}
	return ""
}

// String is the rule as iptables-restore reads it. The mark comes first, so that no argument is taken for a part of it.
func (r Rule) String() string {
	if r.Mark == "" {
		return join(r.Args)
	}
	return "-m comment --comment " + quote(r.Mark) + " " + join(r.Args)
}

// text is the rule for people, who know whose it is.
func (r Rule) text() string { return join(r.Args) }

// foundRule takes the mark out of a rule that iptables-save has printed (no mark of linkd's has a line feed in it: said
// again in a script, what follows that would be a line of its own), and writes what the C library has its own ways
// for as linkd does: the last 32 bits of some IPv6 addresses (inet_ntop(3)), and protocols by what /etc/protocols says. The
// rule takes args over.
func foundRule(counters string, args []string) Rule {
	r := Rule{Counters: counters, Args: args[:0]}
	before := ""
	for i := 0; i < len(args); i++ {
		if r.Mark == "" && i+3 < len(args) && args[i] == "-m" && args[i+1] == "comment" && args[i+2] == "--comment" &&
			strings.HasPrefix(args[i+3], ownMark) && !strings.ContainsFunc(args[i+3], unicode.IsControl) {
			r.Mark, before = args[i+3], ""
			i += 3
			continue
		}
		word := args[i]
		switch before {
		case "-s", "-d", "--ctorigsrc", "--ctorigdst", "--ctreplsrc", "--to-destination":
			word = addressAsWritten(word)
		case "-p":
			word = protocolName(word)
		}
		before = args[i]
		r.Args = append(r.Args, word)
	}
	return r
}

// addressAsWritten is an address, a network, or an address and a port, as linkd writes it.
func addressAsWritten(word string) string {
	if strings.Count(word, ":") < 2 {
		// There is one way to write IPv4.
		return word
	}
	if p, err := netip.ParsePrefix(word); err == nil {
		return p.String()
	}
	if a, err := netip.ParseAddrPort(word); err == nil {
		return a.String()
	}
	if a, err := netip.ParseAddr(word); err == nil {
		return a.String()
	}
	return word
}
