package rule

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/route"
	"linkd/pkg/spec"
)

const keyName = "rules"

// Key returns the key rules of a namespace.
func Key() spec.Key {
	return spec.NewKey(keyName, "policy rules: in which table the kernel looks up the route of a packet", func(c *spec.Context, entries []entry) {
		for _, e := range entries {
			c.Add(e.resource(c.NS))
		}
	}).Called("routing-policy", "rule", "ip_rules")
}

// entry is a rule in YAML.
type entry struct {
	Priority uint32      `yaml:"priority" also:"pref order prio" required:"true" doc:"the order of rules: the lowest first"`
	From     subnet      `yaml:"from" also:"src source" default:"all" doc:"source of the packets"`
	To       subnet      `yaml:"to" also:"dst destination" default:"all" doc:"destination of the packets"`
	IIF      spec.IfName `yaml:"iif" also:"in dev" absent:"any" doc:"the interface on which the packet arrived; lo for packets of the machine itself"`
	OIF      spec.IfName `yaml:"oif" also:"out" absent:"any" doc:"the interface to which the socket of the sender is bound"`
	FwMark   *Mark       `yaml:"fwmark" also:"mark" absent:"any" doc:"the packet's mark"`
	TOS      *route.TOS  `yaml:"tos" also:"dsfield type-of-service" absent:"any" doc:"type of service in the packet's header"`
	IPProto  *IPProto    `yaml:"ipproto" also:"protocol ip-proto" absent:"any" doc:"protocol above IP"`
	SPort    *Ports      `yaml:"sport" also:"source-port" absent:"any" doc:"source ports of the packets"`
	DPort    *Ports      `yaml:"dport" also:"destination-port" absent:"any" doc:"destination ports of the packets"`
	UIDRange *UIDs       `yaml:"uidrange" also:"uid uids" absent:"any" doc:"users whose sockets send the packets"`
	Not      *bool       `yaml:"not" also:"invert" default:"false" doc:"the rule matches packets that do not meet all of its conditions"`
	Table    *spec.Table `yaml:"table" also:"lookup table-id" doc:"the routing table to look in"`
	Suppress *uint8      `yaml:"suppress_prefixlength" also:"suppress_prefix_length suppress-prefix-length" max:"128" min:"0" absent:"no route is ignored" doc:"ignore routes of the table whose prefix is of this length or shorter: 0 ignores default routes"`
	Goto     *uint32     `yaml:"goto" min:"1" doc:"continue with the first rule of this priority; implies action: goto"`
	Action   *Action     `yaml:"action" default:"lookup" doc:"what the rule does; lookup needs table, goto needs goto, and the others drop the packet"`
	Family   *string     `yaml:"family" oneof:"inet inet6" default:"inet" doc:"address family of the packets, if neither from nor to says it"`
	Source   spec.Source
}

func (e *entry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.DecodeMapping(n, e) {
		return nil
	}
	action := e.action()
	looks := action == unix.FR_ACT_TO_TBL
	switch {
	case looks && e.Table == nil:
		return errors.New("table or action is missing")
	case action == unix.FR_ACT_GOTO && e.Goto == nil:
		return errors.New("goto is missing: the priority of the rule to go on with")
	case action != unix.FR_ACT_GOTO && e.Goto != nil:
		return fmt.Errorf("%s goes to no other rule: leave out goto or action", action)
	case !looks && e.Table != nil:
		return fmt.Errorf("%s looks in no table: leave out table or action", action)
	case !looks && e.Suppress != nil:
		return fmt.Errorf("suppress_prefixlength is about the routes of a table, and %s looks in none", action)
	case e.Goto != nil && *e.Goto <= e.Priority:
		// fib_nl2rule in net/core/fib_rules.c.
		return fmt.Errorf("goto leads to a later rule only: its priority has to be above %d", e.Priority)
	case e.Suppress != nil && *e.Suppress > 32 && e.family() == "inet":
		return fmt.Errorf("suppress_prefixlength is at most 32 for IPv4")
	case e.From.IsValid() && e.To.IsValid() && e.From.Addr().Is4() != e.To.Addr().Is4():
		return fmt.Errorf("%s and %s are of different address families", e.From, e.To)
	case e.Family != nil && *e.Family != e.family():
		return fmt.Errorf("the addresses are not of the family %s", *e.Family)
	}
	return nil
}

func (e *entry) action() Action {
	switch {
	case e.Action != nil:
		return *e.Action
	case e.Goto != nil:
		return unix.FR_ACT_GOTO
	}
	return unix.FR_ACT_TO_TBL
}

// family returns the family of the addresses or, without addresses, the declared one.
func (e *entry) family() string {
	for _, s := range []subnet{e.From, e.To} {
		if s.IsValid() && s.Addr().Is6() {
			return "inet6"
		}
		if s.IsValid() {
			return "inet"
		}
	}
	if e.Family != nil {
		return *e.Family
	}
	return "inet"
}

func (e *entry) resource(ns string) *Rule {
	r := &Rule{
		NS: ns, Inet6: e.family() == "inet6", Priority: e.Priority,
		From: e.From.normalized(), To: e.To.normalized(), IIF: string(e.IIF), OIF: string(e.OIF),
		Conditions: Conditions{
			TOS: spec.ValueOr(e.TOS, 0), IPProto: spec.ValueOr(e.IPProto, 0), SPort: spec.ValueOr(e.SPort, Ports{}),
			DPort: spec.ValueOr(e.DPort, Ports{}), UIDs: spec.ValueOr(e.UIDRange, UIDs{}),
		},
		Not: spec.ValueOr(e.Not, false), Goto: spec.ValueOr(e.Goto, 0), Action: e.action(), Source: e.Source,
	}
	if e.Suppress != nil {
		r.Suppress = Limit{true, *e.Suppress}
	}
	if e.FwMark != nil {
		r.Mark = *e.FwMark
	}
	if e.Table != nil {
		r.Table = *e.Table
	}
	return r
}

// subnet is the condition of a rule for an address, in YAML.
type subnet struct{ netip.Prefix }

// normalized returns the prefix, or the zero Prefix if it matches any address: the kernel does not distinguish these.
func (s subnet) normalized() netip.Prefix {
	if s.Bits() <= 0 {
		return netip.Prefix{}
	}
	return s.Prefix
}

func (s *subnet) DecodeWord(word string) (err error) {
	if word == "all" {
		return nil
	}
	s.Prefix, err = address.ParseSubnet(word, "all")
	return err
}

func (subnet) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "subnet",
		Doc:     "`all`, or a network: `10.9.0.0/16`, `2001:db8::/32`, with no bits set beyond its length. An address without a length is that host alone.",
		Words:   []string{"all"},
		Pattern: "^" + spec.CIDRPattern + "$",
	}
}
