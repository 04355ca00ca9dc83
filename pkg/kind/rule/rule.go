// Package rule is the kind of policy rules (ip-rule(8)), which say what table a packet's route is looked up in. linkd's
// have the protocol address.Mark, as its routes have.
package rule

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/route"
	"linkd/pkg/spec"
)

const kindName = "rule"

// Rule is one policy rule of one address family.
type Rule struct {
	NS    string
	Inet6 bool
	// Priority says when it is asked: the lowest first.
	Priority uint32
	// From and To are the packet's addresses; the zero Prefix is any.
	From, To netip.Prefix
	// IIF is the device that the packet came in by, or lo for what this host sends; OIF is the one that the sender's socket
	// is bound to. They need not be there: the rule waits for them by their names.
	IIF, OIF string
	Mark     Mark
	Action   Action
	// Table is where a lookup looks, and 0 for other actions.
	Table spec.Table

	// The rest is found only. Extra is what linkd has no words for, Sibling what to tell apart rules by that differ in
	// nothing but what they do or who made them.
	Extra, Sibling string
	Proto          route.Protocol
	// Vague is set where the kernel would take another of linkd's rules for it as well (see Delete).
	Vague  bool
	Source spec.Source
}

// ID is the rule's priority, and what it asks of a packet, as ip-rule(8) would say it.
func (r *Rule) ID() spec.ID {
	var b strings.Builder
	fmt.Fprintf(&b, "%d from %s", r.Priority, anyOr(r.From))
	if r.To.IsValid() {
		fmt.Fprintf(&b, " to %s", r.To)
	}
	if r.Mark.Mask != 0 {
		fmt.Fprintf(&b, " fwmark %s", r.Mark)
	}
	if r.IIF != "" {
		b.WriteString(" iif " + r.IIF)
	}
	if r.OIF != "" {
		b.WriteString(" oif " + r.OIF)
	}
	if r.Inet6 && !r.From.IsValid() && !r.To.IsValid() {
		b.WriteString(" inet6")
	}
	return spec.ID{NS: r.NS, Kind: kindName, Key: b.String() + r.Extra + r.Sibling}
}

func anyOr(p netip.Prefix) string {
	if !p.IsValid() {
		return "all"
	}
	return p.String()
}

func (r *Rule) Needs() []spec.ID { return nil }

func (r *Rule) Relations() spec.Relations { return spec.Relations{} }

func (r *Rule) Origin() spec.Source { return r.Source }

// does is what the rule does, as ip-rule(8) would say it.
func (r *Rule) does() string {
	if r.Action == unix.FR_ACT_TO_TBL {
		return fmt.Sprintf("lookup %d", r.Table)
	}
	return r.Action.String()
}

// Action is what a rule does with a packet (linux/fib_rules.h).
type Action uint8

var actions = map[Action]string{
	unix.FR_ACT_TO_TBL: "lookup", unix.FR_ACT_GOTO: "goto", unix.FR_ACT_NOP: "nop",
	unix.FR_ACT_BLACKHOLE: "blackhole", unix.FR_ACT_UNREACHABLE: "unreachable", unix.FR_ACT_PROHIBIT: "prohibit",
}

func (a Action) String() string {
	if name, named := actions[a]; named {
		return name
	}
	return strconv.Itoa(int(a))
}

func (a *Action) DecodeWord(word string) error {
	for value, name := range actions {
		if name == word {
			*a = value
		}
	}
	return spec.OneOf("action", word, actionWords...)
}

var actionWords = []string{"lookup", "blackhole", "unreachable", "prohibit"}

func (Action) Syntax() spec.Syntax { return spec.Syntax{Name: "rule action", Words: actionWords} }

// Mark is a packet's mark, as far as the bits of Mask go; without any, it is any mark. The kernel keeps bits of the value
// beyond the mask, and does not look at them (fib_rule_match in net/core/fib_rules.c).
type Mark struct{ Value, Mask uint32 }

func (m Mark) String() string {
	if m.Mask == 1<<32-1 {
		return fmt.Sprintf("%#x", m.Value)
	}
	return fmt.Sprintf("%#x/%#x", m.Value, m.Mask)
}

// DecodeWord implements spec.WordDecoder: VALUE or VALUE/MASK.
func (m *Mark) DecodeWord(word string) error {
	value, mask, masked := strings.Cut(word, "/")
	m.Mask = 1<<32 - 1
	for _, part := range []struct {
		text  string
		given bool
		into  *uint32
	}{{value, true, &m.Value}, {mask, masked, &m.Mask}} {
		if !part.given {
			continue
		}
		digits, base := part.text, 10
		if hex, is := strings.CutPrefix(part.text, "0x"); is {
			digits, base = hex, 16
		}
		number, err := strconv.ParseUint(digits, base, 32)
		if err != nil || (base == 10 && len(digits) > 1 && digits[0] == '0') {
			return fmt.Errorf("%q is no mark: VALUE or VALUE/MASK, each a number of 32 bits", word)
		}
		*part.into = uint32(number)
	}
	switch {
	case m.Mask == 0:
		return fmt.Errorf("%s: with no bit in the mask it is any mark: leave out fwmark", word)
	case m.Value == 0 && !masked:
		// fib_nl2rule in net/core/fib_rules.c takes 0 without a mask for any mark; ip-rule(8) warns of nothing.
		return fmt.Errorf("%s is any mark to the kernel; for packets without one write 0/0xffffffff", word)
	}
	return nil
}

func (Mark) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "packet mark",
		Doc:     "`VALUE`, or `VALUE/MASK` to look at the bits of the mask alone, each decimal or with `0x`: `0x10/0xf0`. `0/0xffffffff` is a packet without a mark.",
		Pattern: "^(0x[0-9A-Fa-f]+|[0-9]+)(/(0x[0-9A-Fa-f]+|[0-9]+))?$",
	}
}
