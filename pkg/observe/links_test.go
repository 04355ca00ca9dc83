package observe

import (
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The other end of a veth in a namespace that is about to end has an index there, which is another interface's here.
func TestWhereTheOtherEndOfALinkIs(t *testing.T) {
	for _, test := range []struct {
		name string
		more []*nl.RtAttr
		ns   int
	}{
		{"here", nil, -1},
		{"in a namespace", []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_LINK_NETNSID, nl.Uint32Attr(3))}, 3},
		{"in one that ends", []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_LINK_NETNSID, nl.Uint32Attr(^uint32(0)))}, NoID},
	} {
		msg := nl.NewIfInfomsg(unix.AF_UNSPEC).Serialize()
		for _, a := range append(test.more, nl.NewRtAttr(unix.IFLA_LINK, nl.Uint32Attr(2))) {
			msg = append(msg, a.Serialize()...)
		}
		l, err := parseLink(msg)
		if err != nil || l.Parent != 2 || l.ParentNS != test.ns {
			t.Errorf("%s: %d in %d, %v; want 2 in %d", test.name, l.Parent, l.ParentNS, err, test.ns)
		}
	}
}
