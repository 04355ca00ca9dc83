package observe

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The attributes of a netconf message (linux/netconf.h).
const (
	netconfIfindex    = 1
	netconfForwarding = 2
	netconfRPFilter   = 3
	// netconfAll stands for the settings of all interfaces, as in net.ipv4.conf.all.
	netconfAll = -1
)

// netconfHeader is struct netconfmsg: the family, padded to the alignment of attributes.
type netconfHeader [unix.NLMSG_ALIGNTO]byte

func (h netconfHeader) Len() int          { return len(h) }
func (h netconfHeader) Serialize() []byte { return h[:] }

// Forwards reports whether the namespace forwards packets of a family (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding). It
// is true for a family that the kernel does not have, for then no setting is in the way. The file below /proc/sys says the
// same, but to open that takes the longer the more namespaces there are (proc_sys_compare in fs/proc/proc_sysctl.c).
func (ns *NS) Forwards(family uint8) (bool, error) { return ns.InterfaceForwards(family, netconfAll) }

// InterfaceForwards reports the same of what comes in by the interface with that index (net.ipv6.conf.DEV.forwarding).
func (ns *NS) InterfaceForwards(family uint8, index int) (bool, error) {
	value, err := ns.netconfValue(family, index, netconfForwarding)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask %s whether it forwards: %w", ns.Name, err)
	}
	return value != 0, nil
}

// ReversePathFilter returns the mode in which the kernel checks the source of IPv4 packets that come in by the interface with that
// index: 0 not at all, 1 strictly, 2 loosely. It is the higher one of the interface's own and the one of all (IN_DEV_RPFILTER in
// linux/inetdevice.h).
func (ns *NS) ReversePathFilter(index int) (int, error) {
	mode := 0
	for _, at := range []int{netconfAll, index} {
		value, err := ns.netconfValue(unix.AF_INET, at, netconfRPFilter)
		if err != nil {
			return 0, fmt.Errorf("ask %s for rp_filter: %w", ns.Name, err)
		}
		mode = max(mode, int(value))
	}
	return mode, nil
}

// netconfValue asks for one setting; 0 if the kernel does not say.
func (ns *NS) netconfValue(family uint8, index int, attr uint16) (setting uint32, err error) {
	msgs, err := ns.netconf(family, index)
	if err != nil {
		return 0, err
	}
	for _, msg := range msgs {
		if len(msg) < unix.NLMSG_ALIGNTO {
			continue
		}
		err = errors.Join(err, EachAttr(msg[unix.NLMSG_ALIGNTO:], func(kind uint16, value []byte) error {
			if kind == attr && len(value) == 4 {
				setting = binary.NativeEndian.Uint32(value)
			}
			return nil
		}))
	}
	return setting, err
}

// netconf asks for the settings of a family on the interface with an index.
func (ns *NS) netconf(family uint8, index int) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNETCONF, 0)
	req.AddData(netconfHeader{family})
	req.AddData(nl.NewRtAttr(netconfIfindex, nl.Uint32Attr(uint32(int32(index)))))
	return ns.Request(req, unix.RTM_NEWNETCONF)
}
