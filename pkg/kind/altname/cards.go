package altname

import (
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Attributes of linux/if_link.h that golang.org/x/sys/unix does not have.
const (
	iflaPermAddress   = 54
	iflaParentDevName = 56
	iflaParentDevBus  = 57
)

// list returns the interfaces of a namespace. drivers says whether to ask for their drivers.
func list(ns *observe.NS, drivers bool) (cards []card, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	const skipStats = 1 << 3
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	msgs, err := ns.Request(req, unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	for _, msg := range msgs {
		c, err := parse(msg)
		if err != nil {
			return nil, err
		}
		cards = append(cards, c)
	}
	if !drivers {
		return cards, nil
	}
	return cards, ns.Do(func() error { return readDrivers(cards) })
}

func parse(msg []byte) (c card, err error) {
	c.index = int(nl.DeserializeIfInfomsg(msg).Index)
	bus := ""
	err = observe.EachAttr(msg[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFLA_IFNAME:
			c.name = nl.BytesToString(value)
		case unix.IFLA_ADDRESS:
			c.mac = observe.HardwareAddr(value)
		case iflaPermAddress:
			c.own = observe.HardwareAddr(value)
		case iflaParentDevName:
			c.pci = nl.BytesToString(value)
		case iflaParentDevBus:
			bus = nl.BytesToString(value)
		case unix.IFLA_PROP_LIST:
			return observe.EachAttr(value, func(kind uint16, name []byte) error {
				if kind == unix.IFLA_ALT_IFNAME {
					c.altNames = append(c.altNames, nl.BytesToString(name))
				}
				return nil
			})
		}
		return nil
	})
	if bus != "pci" {
		c.pci = ""
	}
	return c, err
}

// readDrivers asks for the drivers (ETHTOOL_GDRVINFO), in the namespace of the calling thread. An interface without one has none.
func readDrivers(cards []card) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	for i := range cards {
		info, err := unix.IoctlGetEthtoolDrvinfo(socket, cards[i].name)
		if err == nil {
			cards[i].driver = unix.ByteSliceToString((*[unsafe.Sizeof(info.Driver)]byte)(unsafe.Pointer(&info.Driver))[:])
		}
	}
	return nil
}
