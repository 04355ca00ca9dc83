// Package shape implements traffic shaping: what leaves an interface by its root qdisc (egress), and a limit of what comes in by a
// policing filter (ingress). See tc(8), tc-tbf(8), tc-netem(8) and tc-police(8).
//
// The kernel has no room for a name in a qdisc, so the handle of linkd's own is the mark.
package shape

import (
	"fmt"
	"math"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

const egressKind = "egress"

// Egress is the root qdisc of an interface.
type Egress struct {
	NS, Dev string
	// Shape is what linkd's qdisc does. It is nil if the observed qdisc is one that the files cannot express, or if the files declare
	// none.
	Shape *Shape
	// Adopt: linkd replaces a foreign qdisc, and restores it when the egress is removed from the files.
	Adopt  bool
	Source spec.Source

	// root is the observed qdisc, or the one that linkd puts back; nil for one of linkd's that is desired.
	root *qdisc
	// putBack: it is the state before linkd changed it.
	putBack bool
	index   int
	// frame is the length of a full packet of the observed interface.
	frame int
}

// Shape are the parameters of a tbf qdisc or, if some of them are only netem's, of a netem qdisc. What is 0 is not there, except
// for a desired Burst, Latency and Limit: then they have the defaults.
type Shape struct {
	Rate  Rate `json:"rate,omitempty"`
	Burst Size `json:"burst,omitempty"`
	// Latency and Limit say how much tbf queues, Limit in bytes; of an observed qdisc, they are the same. A netem qdisc has a Limit in
	// packets.
	Latency   Time   `json:"latency,omitempty"`
	Limit     uint32 `json:"limit,omitempty"`
	Delay     Time   `json:"delay,omitempty"`
	Jitter    Time   `json:"jitter,omitempty"`
	Loss      Chance `json:"loss,omitzero"`
	Duplicate Chance `json:"duplicate,omitzero"`
	Corrupt   Chance `json:"corrupt,omitzero"`
	Reorder   Chance `json:"reorder,omitzero"`
}

// The kinds of qdisc that linkd makes, each with a handle of its own: 0x6c64 is "ld". The kernel replaces a qdisc at once only by one
// with another handle (tc_modify_qdisc in net/sched/sch_api.c).
const (
	tbf         = "tbf"
	netem       = "netem"
	tbfHandle   = 0x6c64 << 16
	netemHandle = 0x6c65 << 16
)

// kind returns the kind of qdisc: netem if tbf cannot do all of it. A netem qdisc keeps a rate packet by packet.
func (s *Shape) kind() string {
	t := *s
	t.Rate, t.Burst, t.Latency, t.Limit = 0, 0, 0, 0
	if t == (Shape{}) {
		return tbf
	}
	return netem
}

func (s *Shape) handle() uint32 {
	if s.kind() == netem {
		return netemHandle
	}
	return tbfHandle
}

const (
	// defaultLatency is the usual one in tc-tbf(8).
	defaultLatency = Time(50 * 1e6)
	// defaultLimit is that of tc-netem(8).
	defaultLimit = 1000
	// burstTime is what passes at once by default: enough for the clock of any kernel (tc-tbf(8), burst).
	burstTime = Time(10 * 1e6)
	// ethernetHeader and vlanHeader are ETH_HLEN in linux/if_ether.h and VLAN_HLEN in linux/if_vlan.h.
	ethernetHeader = 14
	vlanHeader     = 4
)

// frameOf returns the length of a full packet of an interface, without a VLAN's header.
func frameOf(l *observe.Link) int {
	if l.MAC == "" {
		return l.MTU
	}
	return l.MTU + ethernetHeader
}

// complete returns the shape with the defaults of an interface with full packets of that length.
func (s Shape) complete(frame int) Shape {
	if s.kind() == netem {
		if s.Limit == 0 {
			s.Limit = defaultLimit
		}
		return s
	}
	if s.Burst == 0 {
		s.Burst = s.Rate.burst(burstTime, 2*uint64(frame+vlanHeader))
	}
	if s.Limit == 0 {
		if s.Latency == 0 {
			s.Latency = defaultLatency
		}
		s.Limit = s.Rate.limit(s.Latency, s.Burst)
	}
	return s
}

// limit returns the length of a queue in which a packet waits for at most that time (tbf_parse_opt in iproute2's tc/q_tbf.c).
func (r Rate) limit(latency Time, burst Size) uint32 {
	return uint32(min(r.inTime(latency)+uint64(burst), math.MaxUint32))
}

// latency is the reverse of limit.
func (r Rate) latency(limit uint32, burst Size) Time {
	return Time(math.Round(float64(limit-min(uint32(burst), limit)) / float64(r) * 1e9))
}

func (e *Egress) ID() spec.ID { return spec.ID{NS: e.NS, Kind: egressKind, Key: e.Dev} }

func (e *Egress) Needs() []spec.ID { return []spec.ID{spec.LinkID(e.NS, e.Dev)} }

func (e *Egress) Relations() spec.Relations { return spec.Relations{} }

func (e *Egress) Origin() spec.Source { return e.Source }

// isOurs reports whether the observed qdisc is one that linkd makes.
func (e *Egress) isOurs() bool { return e.root != nil && e.root.isOurs() }

// words returns the parameters in the words of tc(8).
func (s *Shape) words() string {
	text := s.kind()
	for _, p := range s.parameters() {
		if p.value != "" {
			text += " " + p.name + " " + p.value
		}
	}
	return text
}

// parameter is a parameter of a shape by its key; value is "" if it is not there.
type parameter struct{ name, value string }

func (s *Shape) parameters() []parameter {
	limit := ""
	switch {
	case s.Limit != 0 && s.kind() == netem:
		limit = fmt.Sprint(s.Limit)
	case s.Limit != 0 && s.Latency == 0:
		limit = Size(s.Limit).String()
	}
	return []parameter{
		{"rate", text(s.Rate)}, {"burst", text(s.Burst)}, {"latency", text(s.Latency)}, {"limit", limit},
		{"delay", text(s.Delay)}, {"jitter", text(s.Jitter)}, {"loss", text(s.Loss)}, {"duplicate", text(s.Duplicate)},
		{"corrupt", text(s.Corrupt)}, {"reorder", text(s.Reorder)},
	}
}

func text[T interface {
	comparable
	String() string
}](value T) string {
	var none T
	if value == none {
		return ""
	}
	return value.String()
}

// contents returns the qdisc in the words of tc(8).
func contents(e *Egress) (text string, lines []string) {
	switch {
	case e.Shape != nil:
		return e.Shape.words(), nil
	case e.root != nil:
		return e.root.String(), nil
	}
	return "", nil
}

// check returns an error if no full packet of an interface would get through.
func (s *Shape) check(dev string, frame int) error {
	if s.kind() == tbf && uint64(s.Burst) < uint64(frame) {
		return fmt.Errorf("a burst of %s is less than a full packet of %s, which has %s: none would pass", s.Burst, dev, Size(frame))
	}
	return nil
}
