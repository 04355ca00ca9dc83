package shape

import (
	"math"
	"strings"

	"linkd/pkg/graph"
	"linkd/pkg/spec"
)

const ingressKind = "ingress"

// Ingress is a filter that polices what comes in through an interface: packets beyond the rate are dropped, and other filters decide
// about the others. It stands in the interface's clsact qdisc.
type Ingress struct {
	NS, Dev string
	// Rate is 0 in an observed filter that does not police as linkd's does.
	Rate Rate
	// Burst is 0 in a desired filter with the default.
	Burst  Size
	Source spec.Source

	index int
	// action is the number of the observed police action.
	action uint32
}

// The mark of linkd's filter is its preference and handle: "ld". Filters with a lower preference come first; those that tc(8) adds
// without one have 49152 or a little less.
const (
	preference   = 0x6c64
	filterHandle = 0x6c64
)

const (
	policeTime  = Time(100 * 1e6)
	policeBurst = 80 << 10
)

// complete returns the burst, or the default one. The kernel joins packets that come in to up to 64 KiB (GRO) before it counts them,
// and one that is longer than the burst never passes.
func (i *Ingress) complete() Size {
	if i.Burst != 0 {
		return i.Burst
	}
	return i.Rate.burst(policeTime, policeBurst)
}

func (i *Ingress) ID() spec.ID { return spec.ID{NS: i.NS, Kind: ingressKind, Key: i.Dev} }

func (i *Ingress) clsactID() spec.ID { return spec.ID{NS: i.NS, Kind: clsactKind, Key: i.Dev} }

func (i *Ingress) Needs() []spec.ID { return []spec.ID{spec.LinkID(i.NS, i.Dev), i.clsactID()} }

func (i *Ingress) Relations() spec.Relations {
	return spec.Relations{StandsOn: []spec.ID{i.clsactID()}}
}

func (i *Ingress) Origin() spec.Source { return i.Source }

// policing returns the filter in the words of tc(8).
func policing(i *Ingress) (string, []string) {
	words := []string{"matchall police"}
	if i.Rate != 0 {
		words = append(words, "rate", i.Rate.String())
	}
	if i.Burst != 0 {
		words = append(words, "burst", i.Burst.String())
	}
	return strings.Join(words, " "), nil
}

var _ graph.Drawn = &Ingress{}

// Draw writes the rate on the interface.
func (i *Ingress) Draw(p *graph.Pen) {
	if i.Rate != 0 {
		p.Note(i.Dev, "ingress "+i.Rate.String())
	}
}

// longest is the length up to which police counts packets instead of dropping them: all.
const longest = math.MaxInt32
