package iptables

import (
	"errors"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// netfilterRequest is a request to a subsystem of nfnetlink about a family of addresses, with attributes
// (linux/netfilter/nfnetlink.h).
func netfilterRequest(subsystem, message, flags, family int, attrs ...[]byte) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(subsystem<<8|message, flags)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: uint8(family), Version: nl.NFNETLINK_V0})
	req.AddRawData(slices.Concat(attrs...))
	return req
}

// eachAnswer sends a request to nfnetlink, and visits the attributes of each answer until visit returns false. It visits
// nothing where the kernel does not have the subsystem.
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
		// To nfnetlink that is no subsystem it knows (nfnetlink_rcv_msg in net/netfilter/nfnetlink.c).
		return nil
	}
	return errors.Join(err, wrong)
}

// textAttr is an attribute with a text that ends with a zero.
func textAttr(kind int, text string) []byte {
	return nl.NewRtAttr(kind, nl.ZeroTerminated(text)).Serialize()
}
