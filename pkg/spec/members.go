package spec

import (
	"errors"
	"net/netip"

	"gopkg.in/yaml.v3"
)

// MemberEnd is how the other nodes of a fleet reach a node's end of a link that they share.
type MemberEnd struct {
	// Kind is the kind of the link.
	Kind  string     `json:"kind"`
	Local netip.Addr `json:"local"`
}

// FleetMembers is the value of the key members of a link.
type FleetMembers bool

func (m *FleetMembers) DecodeWord(word string) error {
	if word != "fleet" {
		return errors.New("the members of a link are those of the fleet: write members: fleet")
	}
	*m = true
	return nil
}

func (FleetMembers) Syntax() Syntax { return Syntax{Words: []string{"fleet"}} }

// Members declares that this node has an end of the context's link, and returns the addresses of the nodes that have the others, in order.
// Without a fleet it is an error at n.
func (c *Context) Members(n *yaml.Node, own MemberEnd) []netip.Addr {
	if c.c.lang.Node == nil || c.c.lang.Node() == nil {
		c.Errorf(n, "members: fleet is for a machine with a fleet.yaml: list remotes instead, or name that file with --fleet")
		return nil
	}
	c.c.desired.Members[c.Link] = own
	if c.c.lang.Members == nil {
		return nil
	}
	return c.c.lang.Members(c.Link, own)
}
