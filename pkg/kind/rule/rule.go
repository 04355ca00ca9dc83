// Package rule implements policy rules (ip-rule(8)), which say in which table the kernel looks up the route of a packet. linkd's
// rules have the protocol address.Mark, as its routes have.
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
	// Priority says when the kernel evaluates the rule: the lowest priority first.
	Priority uint32
	// From and To are the packet's addresses; the zero Prefix matches any.
	From, To netip.Prefix
	// IIF is the device that received the packet, or lo for packets of this host. OIF is the device to which the sender's socket
	// is bound. The devices need not exist: the kernel stores their names.
	IIF, OIF string
	Mark     Mark
	Conditions
	// Not inverts all conditions together.
	Not    bool
	Action Action
	// Table is the table for a lookup; 0 for other actions. Suppress limits the lookup.
	Table    spec.Table
	Suppress Limit
	// Goto is the priority of the rule with which the kernel goes on; 0 for other actions.
	Goto uint32

	// The rest is set only in observed rules. Extra has the attributes that the files cannot express. Sibling distinguishes
	// rules with the same priority and conditions.
	Extra, Sibling string
	Proto          route.Protocol
	// Vague: a request to delete the rule matches another rule as well (see Delete).
	Vague  bool
	Source spec.Source
}

// ID returns the ID. Its key has the rule's priority and conditions in the syntax of ip-rule(8).
func (r *Rule) ID() spec.ID {
	var b strings.Builder
	fmt.Fprintf(&b, "%d ", r.Priority)
	if r.Not {
		b.WriteString("not ")
	}
	fmt.Fprintf(&b, "from %s", anyOr(r.From))
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
	b.WriteString(r.Conditions.text())
	if r.Inet6 && !r.From.IsValid() && !r.To.IsValid() {
		b.WriteString(" inet6")
	}
	return spec.ID{NS: r.NS, Kind: kindName, Key: b.String() + r.Extra + r.Sibling}
}

// AsksMore reports whether the rule asks for more than the addresses, the device that received the packet, and the table.
func (r *Rule) AsksMore() bool {
	return r.Mark.Mask != 0 || r.OIF != "" || r.Not || r.Conditions != (Conditions{}) || r.Suppress.Given || r.Extra != ""
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

// actionText returns the rule's action in the syntax of ip-rule(8).
func (r *Rule) actionText() string {
	switch {
	case r.Action == unix.FR_ACT_TO_TBL && r.Suppress.Given:
		return fmt.Sprintf("lookup %d suppress_prefixlength %s", r.Table, r.Suppress)
	case r.Action == unix.FR_ACT_TO_TBL:
		return fmt.Sprintf("lookup %d", r.Table)
	case r.Action == unix.FR_ACT_GOTO:
		return fmt.Sprintf("goto %d", r.Goto)
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

var actionWords = []string{"lookup", "goto", "blackhole", "unreachable", "prohibit"}

func (Action) Syntax() spec.Syntax { return spec.Syntax{Name: "rule action", Words: actionWords} }

// Mark is a condition for a packet's mark: the bits in Mask must be those of Value. A Mask of 0 matches any mark. The kernel stores
// bits of the value outside the mask, and ignores them (fib_rule_match in net/core/fib_rules.c).
type Mark struct{ Value, Mask uint32 }

func (m Mark) String() string {
	if m.Mask == 1<<32-1 {
		return fmt.Sprintf("%#x", m.Value)
	}
	return fmt.Sprintf("%#x/%#x", m.Value, m.Mask)
}

// DecodeWord reads VALUE or VALUE/MASK.
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
		// fib_nl2rule in net/core/fib_rules.c treats 0 without a mask as any mark. ip-rule(8) does not warn about that.
		return fmt.Errorf("%s is any mark to the kernel; for packets without one write 0/0xffffffff", word)
	}
	return nil
}

func (Mark) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "packet mark",
		Doc:     "`VALUE`, or `VALUE/MASK` to compare only the bits of the mask, each decimal or with `0x`: `0x10/0xf0`. `0/0xffffffff` is a packet without a mark.",
		Pattern: "^(0x[0-9A-Fa-f]+|[0-9]+)(/(0x[0-9A-Fa-f]+|[0-9]+))?$",
	}
}
