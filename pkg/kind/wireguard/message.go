package wireguard

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// The numbers are those of linux/wireguard.h.
const (
	family = "wireguard"

	getDevice, setDevice = 0, 1

	deviceIndex, devicePrivateKey, devicePublicKey, devicePort, deviceMark, devicePeers = 1, 3, 4, 6, 7, 8

	peerPublicKey, peerPresharedKey, peerFlags, peerEndpoint, peerKeepalive, peerAllowedIPs = 1, 2, 3, 4, 5, 9
	// The peer flags: delete the peer, and only change an existing one.
	removeMe, updateOnly = 1, 4

	allowedFamily, allowedIP, allowedLength = 1, 2, 3
)

// maxDumps is how often an interrupted dump is tried.
const maxDumps = 10

// request sends a request of the family in a namespace, and returns the attributes of the answers.
func request(ns *observe.NS, command uint8, flags int, attrs ...*nl.RtAttr) (answers [][]byte, err error) {
	err = ns.Do(func() error {
		known, err := netlink.GenlFamilyGet(family)
		if err != nil {
			return fmt.Errorf("look up the netlink family of WireGuard: %w", err)
		}
		for try := 0; try < maxDumps; try++ {
			req := nl.NewNetlinkRequest(int(known.ID), flags)
			req.AddData(&nl.Genlmsg{Command: command, Version: 1})
			for _, a := range attrs {
				req.AddData(a)
			}
			if answers, err = req.Execute(unix.NETLINK_GENERIC, 0); !errors.Is(err, netlink.ErrDumpInterrupted) {
				break
			}
		}
		return err
	})
	for i, a := range answers {
		if len(a) < nl.SizeofGenlmsg {
			return nil, unix.EINVAL
		}
		answers[i] = a[nl.SizeofGenlmsg:]
	}
	return answers, err
}

// observed is a device as the kernel has it, with its peers.
type observed struct {
	public PublicKey
	port   int
	mark   uint32
	peers  []observedPeer
}

type observedPeer struct {
	Peer
	// preshared is the preshared key; zeros for none. It must not leave the look.
	preshared [keySize]byte
}

// look reads a device. The error is ENODEV if there is none with the index.
func look(ns *observe.NS, index int) (o observed, err error) {
	answers, err := request(ns, getDevice, unix.NLM_F_DUMP, nl.NewRtAttr(deviceIndex, nl.Uint32Attr(uint32(index))))
	for _, answer := range answers {
		err = errors.Join(err, observe.EachAttr(answer, func(kind uint16, value []byte) error {
			switch {
			case kind == devicePublicKey && len(value) == keySize:
				o.public = PublicKey(value)
			case kind == devicePort:
				o.port = int(observe.Number(value))
			case kind == deviceMark:
				o.mark = uint32(observe.Number(value))
			case kind == devicePeers:
				return observe.EachAttr(value, func(_ uint16, value []byte) error { return o.addPeer(value) })
			}
			return nil
		}))
		// It has the private key of the device.
		clear(answer)
	}
	for i := range o.peers {
		slices.SortFunc(o.peers[i].AllowedIPs, netip.Prefix.Compare)
	}
	return o, err
}

// addPeer parses a peer. The allowed addresses of one peer may be spread over several messages.
func (o *observed) addPeer(attrs []byte) error {
	p := observedPeer{}
	err := observe.EachAttr(attrs, func(kind uint16, value []byte) error {
		switch {
		case kind == peerPublicKey && len(value) == keySize:
			p.Key = PublicKey(value)
		case kind == peerPresharedKey && len(value) == keySize:
			p.preshared = [keySize]byte(value)
		case kind == peerEndpoint:
			p.Endpoint = parseEndpoint(value)
		case kind == peerKeepalive:
			p.Keepalive = int(observe.Number(value))
		case kind == peerAllowedIPs:
			return observe.EachAttr(value, func(_ uint16, value []byte) error {
				attrs, err := observe.Attrs(value)
				ip, is := netip.AddrFromSlice(attrs[allowedIP])
				if is {
					p.AllowedIPs = append(p.AllowedIPs, netip.PrefixFrom(ip, int(observe.Number(attrs[allowedLength]))))
				}
				return err
			})
		}
		return nil
	})
	if last := len(o.peers) - 1; last >= 0 && o.peers[last].Key == p.Key {
		o.peers[last].AllowedIPs = append(o.peers[last].AllowedIPs, p.AllowedIPs...)
		return err
	}
	o.peers = append(o.peers, p)
	return err
}

// parseEndpoint parses a struct sockaddr_in or sockaddr_in6.
func parseEndpoint(b []byte) netip.AddrPort {
	if len(b) < unix.SizeofSockaddrInet4 {
		return netip.AddrPort{}
	}
	port := uint16(b[2])<<8 | uint16(b[3])
	switch nl.NativeEndian().Uint16(b) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case unix.AF_INET6:
		if len(b) >= unix.SizeofSockaddrInet6 {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port)
		}
	}
	return netip.AddrPort{}
}

func endpointAttr(e netip.AddrPort) *nl.RtAttr {
	b := make([]byte, unix.SizeofSockaddrInet4)
	at, kind := 4, uint16(unix.AF_INET)
	if e.Addr().Is6() {
		b, at, kind = make([]byte, unix.SizeofSockaddrInet6), 8, unix.AF_INET6
	}
	nl.NativeEndian().PutUint16(b, kind)
	b[2], b[3] = byte(e.Port()>>8), byte(e.Port())
	copy(b[at:], e.Addr().AsSlice())
	return nl.NewRtAttr(peerEndpoint, b)
}

// set changes a device by its index.
func set(ns *observe.NS, index int, attrs ...*nl.RtAttr) error {
	_, err := request(ns, setDevice, unix.NLM_F_ACK, append([]*nl.RtAttr{nl.NewRtAttr(deviceIndex, nl.Uint32Attr(uint32(index)))}, attrs...)...)
	return err
}

// peersAttr returns the attribute with peers, each of which is a list of attributes.
func peersAttr(peers ...[]*nl.RtAttr) *nl.RtAttr {
	list := nl.NewRtAttr(devicePeers|unix.NLA_F_NESTED, nil)
	for _, attrs := range peers {
		p := list.AddRtAttr(unix.NLA_F_NESTED, nil)
		for _, a := range attrs {
			p.AddChild(a)
		}
	}
	return list
}

func publicAttr(key PublicKey) *nl.RtAttr { return nl.NewRtAttr(peerPublicKey, key[:]) }

func flagsAttr(flags uint32) *nl.RtAttr { return nl.NewRtAttr(peerFlags, nl.Uint32Attr(flags)) }

func allowedAttr(prefixes []netip.Prefix) *nl.RtAttr {
	list := nl.NewRtAttr(peerAllowedIPs|unix.NLA_F_NESTED, nil)
	for _, p := range prefixes {
		family := uint16(unix.AF_INET)
		if p.Addr().Is6() {
			family = unix.AF_INET6
		}
		one := list.AddRtAttr(unix.NLA_F_NESTED, nil)
		one.AddRtAttr(allowedFamily, nl.Uint16Attr(family))
		one.AddRtAttr(allowedIP, p.Addr().AsSlice())
		one.AddRtAttr(allowedLength, nl.Uint8Attr(uint8(p.Bits())))
	}
	return list
}

// someAllowed is how many allowed addresses linkd sends in a message, so that it fits into the buffer of a socket.
const someAllowed = 1000

// disallow takes allowed addresses from the peers that have them. To send a peer's whole list again would lose packets until the
// kernel has read it (set_peer in drivers/net/wireguard/netlink.c removes all first), and kernels before 6.16 cannot remove one.
// So linkd gives the addresses to a new peer, and deletes that with the same request.
func disallow(ns *observe.NS, index int, prefixes []netip.Prefix) error {
	for some := range slices.Chunk(prefixes, someAllowed) {
		var nobody PublicKey
		if _, err := rand.Read(nobody[:]); err != nil {
			return err
		}
		// X25519 ignores the highest bit, and the kernel would take both for different keys.
		nobody[keySize-1] &= 0x7f
		err := set(ns, index, peersAttr(
			[]*nl.RtAttr{publicAttr(nobody), allowedAttr(some)},
			[]*nl.RtAttr{publicAttr(nobody), flagsAttr(removeMe)},
		))
		if err != nil {
			return err
		}
	}
	return nil
}
