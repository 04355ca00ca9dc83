package port

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// VLAN is a range of VLANs that a port is in, from First to Last inclusive. A range with PVID has one VLAN.
type VLAN struct {
	First, Last    uint16
	PVID, Untagged bool
}

func (v VLAN) String() string {
	text := fmt.Sprint(v.First)
	if v.Last != v.First {
		text += fmt.Sprint("-", v.Last)
	}
	if v.PVID {
		text += " pvid"
	}
	if v.Untagged {
		text += " untagged"
	}
	return text
}

// VLANs are ranges in ascending order, as few as possible.
type VLANs []VLAN

// String returns the ranges as text; "" if there are none.
func (vs VLANs) String() string {
	words := make([]string, len(vs))
	for i, v := range vs {
		words[i] = v.String()
	}
	return strings.Join(words, ", ")
}

// PVID returns the VLAN of frames that come in without a tag; 0 if they are in none.
func (vs VLANs) PVID() uint16 {
	for _, v := range vs {
		if v.PVID {
			return v.First
		}
	}
	return 0
}

// Has reports whether a VLAN is among them, and whether its frames go out without a tag.
func (vs VLANs) Has(vid uint16) (is, untagged bool) {
	for _, v := range vs {
		if v.First <= vid && vid <= v.Last {
			return true, v.Untagged
		}
	}
	return false, false
}

// newVLANs sorts ranges and joins adjacent ones with the same flags.
func newVLANs(ranges []VLAN) VLANs {
	slices.SortFunc(ranges, func(a, b VLAN) int { return cmp.Compare(a.First, b.First) })
	vs := make(VLANs, 0, len(ranges))
	for _, v := range ranges {
		if n := len(vs); n > 0 && vs[n-1].Last+1 == v.First && !v.PVID && !vs[n-1].PVID && vs[n-1].Untagged == v.Untagged {
			vs[n-1].Last = v.Last
			continue
		}
		vs = append(vs, v)
	}
	return vs
}

// inDefault returns the VLANs of a port that has just joined a bridge with that default PVID (nbp_vlan_init in
// net/bridge/br_vlan.c).
func inDefault(pvid uint16) VLANs {
	if pvid == 0 {
		return VLANs{}
	}
	return VLANs{{First: pvid, Last: pvid, PVID: true, Untagged: true}}
}

// single returns one VLAN of the range.
func (v VLAN) single(vid uint16) VLAN {
	v.First, v.Last = vid, vid
	return v
}

// lastVLAN is the highest usable VLAN: 4095 is reserved (IEEE 802.1Q).
const lastVLAN = 4094

// each returns the single VLANs of the ranges, each at the index of its number; the zero VLAN elsewhere.
func (vs VLANs) each() (spread [lastVLAN + 1]VLAN) {
	for _, v := range vs {
		for vid := v.First; vid <= v.Last; vid++ {
			spread[vid] = v.single(vid)
		}
	}
	return spread
}

// change returns how to get from have to vs: the VLANs to add or to set again, and those to delete.
func (vs VLANs) change(have VLANs) (add, del VLANs) {
	wanted, there := vs.each(), have.each()
	for vid := range wanted {
		switch w := wanted[vid]; {
		case w == there[vid]:
		case w == VLAN{}:
			del = append(del, there[vid])
		default:
			add = append(add, w)
		}
	}
	return newVLANs(add), newVLANs(del)
}
