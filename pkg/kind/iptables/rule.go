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
	// Args has the arguments without the mark. linkd composes them as iptables-save prints them.
	Args []string
	// Mark is the comment by which linkd recognizes the rule; "" for a foreign rule.
	Mark string
	// Verbatim: the arguments are a user's, and iptables may print them differently, so linkd recognizes the rule by its mark
	// alone.
	Verbatim bool
	// Counters has the counters of an observed rule, in the form [PACKETS:BYTES].
	Counters string
	// Source is where a desired rule is declared.
	Source spec.Source

	// path is the part of the mark before the hash.
	path string
	// near is the target of a rule that matches only sources in the target's own subnet: see beside.
	near netip.Addr
	// masquerades: it is an entry of masquerade, for which another program may have a rule: see isMadeIn.
	masquerades bool
}

const (
	ownMark = "linkd:"
	// longestMark is the longest comment in bytes (XT_MAX_COMMENT_LEN in linux/netfilter/xt_comment.h, without the terminating
	// zero).
	longestMark = 255
)

// newRule returns a rule with linkd's mark: a comment with the path of the YAML key that declares the rule, and a hash of the rule.
// It cuts a long path at its start: the end is more important than the namespace.
func newRule(path string, args ...string) Rule {
	sum := sha256.Sum256([]byte(strings.Join(args, "\x00")))
	hash := fmt.Sprintf(" %x", sum[:6])
	room := longestMark - len(ownMark) - len(hash)
	return Rule{Args: args, Mark: ownMark + path[max(0, len(path)-room):] + hash, path: path}
}

// from returns the rule with the place where it is declared.
func (r Rule) from(src spec.Source) Rule {
	r.Source = src
	return r
}

// beside returns the rule for a namespace with these subnets. A rule with near then matches the sources that reach the target
// without passing through the namespace: those in the narrowest subnet that contains the target, and the target itself.
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

// is reports whether an observed rule is the desired one.
func (r Rule) is(found Rule) bool {
	return r.Mark == found.Mark && (r.Verbatim || slices.Equal(r.Args, found.Args))
}

// targets returns the chain or extension of the rule's -j or -g; "" for a rule that only counts.
func (r Rule) targets() string {
	for i := len(r.Args) - 2; i >= 0; i-- {
		switch r.Args[i] {
		case "-j", "--jump", "-g", "--goto":
			return r.Args[i+1]
		}
	}
	return ""
}

// String returns the rule in the syntax of iptables-restore. The mark is first, so that no argument can become a part of it.
func (r Rule) String() string {
	if r.Mark == "" {
		return join(r.Args)
	}
	return "-m comment --comment " + quote(r.Mark) + " " + join(r.Args)
}

// text returns the rule without the mark, for messages.
func (r Rule) text() string { return join(r.Args) }

// value returns the word after the first occurrence of an option; "" if there is none.
func (r Rule) value(option string) string {
	if at := slices.Index(r.Args, option); at >= 0 && at+1 < len(r.Args) {
		return r.Args[at+1]
	}
	return ""
}

// foundRule parses a rule that iptables-save has printed, and separates the mark. No mark of linkd's has a line feed: in a script,
// the rest would be a line of its own. It writes some arguments as linkd does, which the C library formats differently: the last 32
// bits of some IPv6 addresses (inet_ntop(3)), and protocols named in /etc/protocols. The rule takes ownership of args.
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

// addressAsWritten returns an address, a network, or an address and a port in linkd's syntax.
func addressAsWritten(word string) string {
	if strings.Count(word, ":") < 2 {
		// IPv4 addresses have only one form.
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
