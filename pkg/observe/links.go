package observe

import (
	"bytes"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Link is a link as the kernel reports it. Data are the attributes of its kind. Port is the unparsed list of its
// attributes as a port of its master, for EachAttr: a bridge has forty per port, and few are ever used.
type Link struct {
	Index, Master, Parent int
	// ParentNS is the ID, in this link's namespace, of the namespace of Parent: -1 for the same namespace, and NoID
	// for one that has ended or is about to, NETNSA_NSID_NOT_ASSIGNED (peernet2id_alloc in net/core/net_namespace.c).
	ParentNS               int
	Name, Kind, Alias, MAC string
	PortKind               string
	AltNames               []string
	// FirstName is the kernel's name of the link if Name is an alternative name that the files use; otherwise "".
	FirstName   string
	Flags       uint32
	MTU, TxQLen int
	// TxQueues and RxQueues are the numbers of queues.
	TxQueues, RxQueues int
	// Group is the number of the group (ip-link(8), group); 0 is the default one.
	Group int
	Data  map[uint16][]byte
	Port  []byte
}

// Up reports whether the link is administratively up.
func (l *Link) Up() bool { return l.Flags&unix.IFF_UP != 0 }

// Links are the links of a namespace, with indexes by name and by interface index.
type Links struct {
	All     []*Link
	byIndex map[int]*Link
	byName  map[string]*Link
}

// ByIndex returns the link with that index, or nil.
func (ls *Links) ByIndex(index int) *Link { return ls.byIndex[index] }

// ByName returns the link with that name, or nil.
func (ls *Links) ByName(name string) *Link { return ls.byName[name] }

// NameOf returns the name of the link with that index, or "".
func (ls *Links) NameOf(index int) string {
	if l := ls.byIndex[index]; l != nil {
		return l.Name
	}
	return ""
}

// Names returns the names of All by index.
func (ls *Links) Names() map[int]string {
	names := make(map[int]string, len(ls.All))
	for _, l := range ls.All {
		names[l.Index] = l.Name
	}
	return names
}

// skipStats is RTEXT_FILTER_SKIP_STATS (linux/rtnetlink.h): counters are the largest part of a link's message.
const skipStats = 1 << 3

func dumpLinks(ns *NS) (*Links, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	msgs, err := ns.Request(req, unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	ls := newLinks(len(msgs))
	for _, msg := range msgs {
		l, err := ns.parseLink(msg)
		if err != nil {
			return nil, err
		}
		ls.add(l)
	}
	return ls, nil
}

func newLinks(size int) *Links {
	return &Links{
		All:     make([]*Link, 0, size),
		byIndex: make(map[int]*Link, size),
		byName:  make(map[string]*Link, size),
	}
}

func (ls *Links) add(l *Link) {
	if ls.byIndex[l.Index] == nil {
		ls.All = append(ls.All, l)
	}
	ls.byIndex[l.Index], ls.byName[l.Name] = l, l
}

// linkKey names a link by its index, or by its name.
type linkKey struct {
	index int
	name  string
}

// ask returns the link with a key as of the first question since the last Forget, or nil if there is none: the kinds
// of one look ask for the same links.
func (ns *NS) ask(key linkKey) (*Link, error) {
	ns.mu.Lock()
	l, known := ns.asked[key]
	ns.mu.Unlock()
	if known {
		return l, nil
	}
	by := []nl.NetlinkRequestData{indexed(key.index)}
	if key.name != "" {
		by = append(by, named(key.name))
	}
	msg, err := ns.link(by...)
	switch {
	case errors.Is(err, unix.ENODEV):
	case err != nil:
		return nil, err
	default:
		if l, err = ns.parseLink(msg); err != nil {
			return nil, err
		}
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.asked == nil {
		ns.asked = map[linkKey]*Link{}
	}
	ns.asked[key] = l
	if l != nil {
		ns.asked[linkKey{index: l.Index}], ns.asked[linkKey{name: l.Name}] = l, l
	}
	return l, nil
}

// Some returns the links with those indexes and names, as far as they exist, as of the first question for each since the
// last Forget. NameOf also knows their masters, which are not in All.
func (ns *NS) Some(indexes map[int]bool, names map[string]bool) (*Links, error) {
	ls := newLinks(len(indexes) + len(names))
	note := func(l *Link, err error) error {
		if l != nil && err == nil {
			ls.add(l)
		}
		return err
	}
	for index := range indexes {
		if err := note(ns.ask(linkKey{index: index})); err != nil {
			return nil, err
		}
	}
	for name := range names {
		if err := note(ns.ask(linkKey{name: name})); err != nil {
			return nil, err
		}
	}
	for _, l := range ls.All {
		if l.Master != 0 && ls.byIndex[l.Master] == nil {
			master, err := ns.ask(linkKey{index: l.Master})
			if err != nil {
				return nil, err
			}
			if master != nil {
				ls.byIndex[master.Index] = master
			}
		}
	}
	return ls, nil
}

func indexed(index int) *nl.IfInfomsg {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	return msg
}

func named(name string) *nl.RtAttr { return nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)) }

// parseLink parses an RTM_NEWLINK message (rtnetlink(7); if_link.h). netlink.LinkDeserialize would parse only the
// kinds that it knows and drop the attributes of others; here each kind parses its own attributes.
func parseLink(msg []byte) (*Link, error) {
	info := nl.DeserializeIfInfomsg(msg)
	l := &Link{Index: int(info.Index), Flags: info.Flags, ParentNS: -1}
	return l, EachAttr(msg[info.Len():], func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFLA_IFNAME:
			l.Name = nl.BytesToString(value)
		case unix.IFLA_IFALIAS:
			l.Alias = nl.BytesToString(value)
		case unix.IFLA_ADDRESS:
			l.MAC = HardwareAddr(value)
		case unix.IFLA_GROUP:
			l.Group = int(Number(value))
		case unix.IFLA_MTU:
			l.MTU = int(Number(value))
		case unix.IFLA_TXQLEN:
			l.TxQLen = int(Number(value))
		case unix.IFLA_NUM_TX_QUEUES:
			l.TxQueues = int(Number(value))
		case unix.IFLA_NUM_RX_QUEUES:
			l.RxQueues = int(Number(value))
		case unix.IFLA_MASTER:
			l.Master = int(Number(value))
		case unix.IFLA_LINK:
			l.Parent = int(Number(value))
		case unix.IFLA_LINK_NETNSID:
			if l.ParentNS = int(int32(Number(value))); l.ParentNS < 0 {
				l.ParentNS = NoID
			}
		case unix.IFLA_PROP_LIST:
			return EachAttr(value, func(kind uint16, name []byte) error {
				if kind == unix.IFLA_ALT_IFNAME {
					l.AltNames = append(l.AltNames, nl.BytesToString(name))
				}
				return nil
			})
		case unix.IFLA_LINKINFO:
			return parseLinkInfo(l, value)
		}
		return nil
	})
}

// The kernel has one kind for what ip-tuntap(8) calls two modes.
const tunKind, tapKind = "tun", "tap"

func parseLinkInfo(l *Link, info []byte) error {
	err := EachAttr(info, func(kind uint16, value []byte) (err error) {
		switch kind {
		case nl.IFLA_INFO_KIND:
			l.Kind = nl.BytesToString(value)
		case nl.IFLA_INFO_SLAVE_KIND:
			l.PortKind = nl.BytesToString(value)
		case nl.IFLA_INFO_DATA:
			// A part of a message keeps all of it in memory.
			l.Data, err = Attrs(bytes.Clone(value))
		case nl.IFLA_INFO_SLAVE_DATA:
			l.Port = bytes.Clone(value)
		}
		return err
	})
	if l.Kind == tunKind && Number(l.Data[nl.IFLA_TUN_TYPE]) == unix.IFF_TAP {
		l.Kind = tapKind
	}
	return err
}

// Attrs parses a list of attributes into a map by type, without the flag bits.
func Attrs(b []byte) (map[uint16][]byte, error) {
	m := map[uint16][]byte{}
	return m, EachAttr(b, func(kind uint16, value []byte) error {
		m[kind] = value
		return nil
	})
}

// EachAttr walks a list of netlink attributes (netlink(7)): a two-byte length that includes the header, a two-byte
// type, the value, and padding to four bytes.
func EachAttr(b []byte, visit func(kind uint16, value []byte) error) error {
	for len(b) >= unix.SizeofRtAttr {
		length := int(nl.NativeEndian().Uint16(b))
		if length < unix.SizeofRtAttr || length > len(b) {
			return unix.EINVAL
		}
		if err := visit(nl.NativeEndian().Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:length]); err != nil {
			return err
		}
		b = b[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(b)):]
	}
	return nil
}

// Number parses an unsigned attribute of one, two, four or eight bytes in the byte order of the machine.
func Number(b []byte) uint64 {
	native := nl.NativeEndian()
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(native.Uint16(b))
	case 4:
		return uint64(native.Uint32(b))
	case 8:
		return native.Uint64(b)
	}
	return 0
}
