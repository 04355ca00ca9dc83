package iptables

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"linkd/pkg/observe"
)

// lookAtOthers sets what other programs drop with nf_tables of the packets that linkd's chains accept, and what they translate of
// those for published ports. Call it inside the namespace; it may take some time. If another program changes its rules meanwhile,
// it sets nothing: the event about the change makes linkd look again.
func (f family) lookAtOthers(ns *observe.NS, v *view, wanted []*Chain) error {
	if !slices.ContainsFunc(wanted, func(c *Chain) bool { return c.Table == filter || c.publishes() }) {
		return nil
	}
	found, err := f.nftFilter()
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the tables of nftables: %w", err)
	}
	v.around.dropped = map[string]string{}
	for _, c := range wanted {
		if by := c.droppedByOthers(found); by != "" {
			v.around.dropped[c.Name] = by
		}
	}
	v.around.captured, err = f.captured(ns, v, wanted, found)
	return err
}

// droppedByOthers returns which of the packets that the chain accepts other programs certainly drop; "" if none.
func (c *Chain) droppedByOthers(others *nftFilter) string {
	if len(others.bases) == 0 || c.Table != filter {
		return ""
	}
	var first string
	count, steps := 0, mostSteps
	for _, r := range c.Rules {
		p, accepts := r.accepts(familyNamed(c.Family))
		if !accepts {
			continue
		}
		if by := others.drops(c.hook(), p, &steps); by != "" {
			if count++; count == 1 {
				first = fmt.Sprintf("%s, so that %s does not let packets through", by, r.text())
			}
		}
	}
	switch {
	case count == 2:
		first += ", nor does 1 other rule"
	case count > 2:
		first += fmt.Sprintf(", nor do %d other rules", count-1)
	}
	return first
}

// accepts returns what is known about packets that begin a connection and that the rule accepts; ok is false if it accepts none.
func (r Rule) accepts(f family) (p nftPacket, ok bool) {
	if r.targets() != "ACCEPT" {
		return p, false
	}
	p.family = uint8(f.inet)
	for i := 0; i+1 < len(r.Args); i++ {
		value := r.Args[i+1]
		if r.Args[i] == "!" {
			// A negated option leaves the field open.
			i += 2
			continue
		}
		switch r.Args[i] {
		case "-i", "--in-interface":
			p.in = exactly(value)
		case "-o", "--out-interface":
			p.out = exactly(value)
		case "-p", "--protocol":
			p.protocol = uint8(protocolNumber(protocolName(value)))
		case "--ctproto":
			number, _ := strconv.ParseUint(value, 10, 8)
			p.protocol = uint8(number)
		case "--dport", "--destination-port", "--ctreplsrcport":
			number, _ := strconv.ParseUint(value, 10, 16)
			p.port = uint16(number)
		case "--ctstate", "--state":
			states := strings.Split(value, ",")
			p.translated = slices.Contains(states, "DNAT")
			if !p.translated && !slices.Contains(states, "NEW") {
				return p, false
			}
		default:
			continue
		}
		i++
	}
	return p, true
}

// exactly returns the name of an interface, or "" for a pattern.
func exactly(name string) string {
	if strings.HasSuffix(name, "+") {
		return ""
	}
	return name
}

// DroppedByOthers returns linkd's chains that accept packets which other programs drop with nf_tables, with what drops them.
func (s *Firewall) DroppedByOthers() map[*Chain]string {
	by := map[*Chain]string{}
	for _, c := range s.wanted {
		if text := s.around.dropped[c.Name]; text != "" && c.Table == filter {
			by[c] = text
		}
	}
	return by
}
