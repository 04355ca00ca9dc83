package rule

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Attributes of linux/fib_rules.h that golang.org/x/sys/unix does not have.
const (
	fraDSCP          = 25
	fraFlowLabel     = 26
	fraFlowLabelMask = 27
	fraSportMask     = 28
	fraDportMask     = 29
	fraDSCPMask      = 30
)

// attributeText returns an attribute that the files cannot express in the syntax of ip-rule(8), with a space before it; "" if the
// attribute has no effect. The layouts are those of fib_rule_policy and fib_nl_fill_rule in net/core/fib_rules.c.
func attributeText(attr uint16, value []byte) string {
	number := observe.Number(value)
	switch attr {
	case unix.FRA_PAD:
		return ""
	case unix.FRA_SUPPRESS_IFGROUP:
		// The kernel reports it for every rule. If all bits are set, there is none.
		if number == 1<<32-1 {
			return ""
		}
		return fmt.Sprintf(" %s %d", attributeNames[attr], number)
	case unix.FRA_L3MDEV:
		if number == 0 {
			return ""
		}
		return " l3mdev"
	case unix.FRA_FLOW:
		if from := number >> 16; from != 0 {
			return fmt.Sprintf(" realms %d/%d", from, number&0xffff)
		}
		return fmt.Sprintf(" realms %d", number)
	case fraFlowLabel, fraFlowLabelMask:
		if len(value) == 4 && binary.BigEndian.Uint32(value) != fullMask[attr] {
			return fmt.Sprintf(" %s %#x", attributeNames[attr], binary.BigEndian.Uint32(value))
		}
		return ""
	case unix.FRA_TUN_ID:
		if len(value) == 8 {
			return fmt.Sprintf(" tun_id %d", binary.BigEndian.Uint64(value))
		}
	case fraSportMask, fraDportMask, fraDSCPMask:
		if uint32(number) == fullMask[attr] {
			return ""
		}
		return fmt.Sprintf(" %s %#x", attributeNames[attr], number)
	}
	if name, named := attributeNames[attr]; named {
		return fmt.Sprintf(" %s %d", name, number)
	}
	return fmt.Sprintf(" attribute %d %x", attr, value)
}

var attributeNames = map[uint16]string{
	unix.FRA_TUN_ID: "tun_id", unix.FRA_SUPPRESS_IFGROUP: "suppress_ifgroup",
	fraDSCP: "dscp", fraFlowLabel: "flowlabel", fraFlowLabelMask: "flowlabel mask", fraSportMask: "sport mask",
	fraDportMask: "dport mask", fraDSCPMask: "dscp mask",
}

// fullMask has the masks that the kernel reports for values without a mask.
var fullMask = map[uint16]uint32{fraSportMask: 0xffff, fraDportMask: 0xffff, fraDSCPMask: 0x3f, fraFlowLabelMask: 0xfffff}

func span(first, last uint16) string {
	if first == last {
		return strconv.Itoa(int(first))
	}
	return fmt.Sprintf("%d-%d", first, last)
}
