package path

import (
	"fmt"
	"strings"

	"linkd/pkg/observe"
)

// station is an interface on the way of a frame.
type station struct {
	ns   *observe.NS
	link *observe.Link
}

func (s station) String() string { return s.ns.Name + "/" + s.link.Name }

// through says by which interfaces a frame comes to the endpoint.
func (e endpoint) through() string {
	texts := make([]string, len(e.by))
	for i, at := range e.by {
		texts[i] = at.describe(i == 0)
	}
	return strings.Join(texts, " -> ")
}

// describe says what there is to say about an interface: its MTU, and of a port of a bridge, whether the bridge forwards by it.
func (s station) describe(first bool) string {
	text := s.String()
	if first {
		text = s.link.Name
	}
	if s.link.PortKind == "bridge" {
		state, forwards := portForwarding(s.link)
		if forwards {
			state = "forwarding"
		}
		return fmt.Sprintf("%s (%s port, MTU %d)", text, state, s.link.MTU)
	}
	return fmt.Sprintf("%s (MTU %d)", text, s.link.MTU)
}
