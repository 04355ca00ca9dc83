package iptables

import (
	"errors"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// netfilterRequest returns a request to a subsystem of nfnetlink about an address family, with attributes
// (linux/netfilter/nfnetlink.h).
func netfilterRequest(subsystem, message, flags, family int, attrs ...[]byte) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(subsystem<<8|message, flags)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: uint8(family), Version: nl.NFNETLINK_V0})
	req.AddRawData(slices.Concat(attrs...))
	return req
}

// eachAnswer sends a request to nfnetlink, and calls visit with the attributes of each answer until visit returns false. It visits
// nothing if the kernel does not have the subsystem.
func eachAnswer(req *nl.NetlinkRequest, visit func(attrs map[uint16][]byte) (more bool)) error {
	var wrong error
	err := req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(msg []byte) bool {
		if len(msg) < nl.SizeofNfgenmsg {
			return true
		}
		attrs, err := observe.Attrs(msg[nl.SizeofNfgenmsg:])
		if err != nil {
			wrong = err
			return false
		}
		return visit(attrs)
	})
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		// nfnetlink returns this error for an unknown subsystem (nfnetlink_rcv_msg in net/netfilter/nfnetlink.c).
		return nil
	}
	return errors.Join(err, wrong)
}

// textAttr returns an attribute with a zero-terminated text.
func textAttr(kind int, text string) []byte {
	return nl.NewRtAttr(kind, nl.ZeroTerminated(text)).Serialize()
}
