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
	msgs, err := ns.netconf(family, index)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask %s whether it forwards: %w", ns.Name, err)
	}
	forwards := false
	for _, msg := range msgs {
		if len(msg) < unix.NLMSG_ALIGNTO {
			continue
		}
		err = errors.Join(err, EachAttr(msg[unix.NLMSG_ALIGNTO:], func(kind uint16, value []byte) error {
			if kind == netconfForwarding && len(value) == 4 {
				forwards = binary.NativeEndian.Uint32(value) != 0
			}
			return nil
		}))
	}
	return forwards, err
}

// netconf asks for the settings of a family on the interface with an index.
func (ns *NS) netconf(family uint8, index int) ([][]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNETCONF, 0)
	req.AddData(netconfHeader{family})
	req.AddData(nl.NewRtAttr(netconfIfindex, nl.Uint32Attr(uint32(int32(index)))))
	return ns.Request(req, unix.RTM_NEWNETCONF)
}
