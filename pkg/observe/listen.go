package observe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var routeGroups = map[Topic][]uint{
	NamespaceTopic:  {unix.RTNLGRP_NSID},
	LinkTopic:       {unix.RTNLGRP_LINK, unix.RTNLGRP_BRVLAN},
	AddressTopic:    {unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR},
	RouteTopic:      {unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE},
	RuleTopic:       {unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE},
	NeighbourTopic:  {unix.RTNLGRP_NEIGH},
	ForwardingTopic: {unix.RTNLGRP_NEIGH},
	NetconfTopic:    {unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF},
	TrafficTopic:    {unix.RTNLGRP_TC},
}

func routeTopic(messageType uint16) (Topic, bool) {
	switch messageType {
	case unix.RTM_DELNSID:
		return NamespaceTopic, true
	case unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_NEWVLAN, unix.RTM_DELVLAN:
		return LinkTopic, true
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return AddressTopic, true
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return RouteTopic, true
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		return RuleTopic, true
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		return NeighbourTopic, true
	case unix.RTM_NEWNETCONF, unix.RTM_DELNETCONF:
		return NetconfTopic, true
	case unix.RTM_NEWQDISC, unix.RTM_DELQDISC, unix.RTM_NEWTCLASS, unix.RTM_DELTCLASS, unix.RTM_NEWTFILTER, unix.RTM_DELTFILTER,
		unix.RTM_NEWCHAIN, unix.RTM_DELCHAIN, unix.RTM_NEWACTION, unix.RTM_DELACTION:
		return TrafficTopic, true
	}
	return 0, false
}

// receiveBuffer is how many bytes the kernel queues for linkd during a pass: a message about a link has about 1.5
// KiB, and a thousand links cause several messages each.
const receiveBuffer = 16 << 20

// Listen receives the kernel's events about topics in linkd's own namespace and in every namespace that has an ID
// there (NETLINK_LISTEN_ALL_NSID, netlink(7)). It puts notifications into the inbox until stop is called.
func (w *World) Listen(in *Inbox, topics []Topic) (stop func(), err error) {
	var groups []uint
	ruleset := false
	for _, t := range topics {
		groups = append(groups, routeGroups[t]...)
		ruleset = ruleset || t == RulesetTopic
	}
	w.listening.Store(true)
	w.shared.mu.Lock()
	opened := slices.Collect(maps.Values(w.shared.opened))
	w.shared.mu.Unlock()
	for _, ns := range opened {
		if _, err := ns.ID(); err != nil {
			return nil, err
		}
	}

	route, err := w.listen(in, unix.NETLINK_ROUTE, groups, w.newCauseFinder().readRoute)
	if err != nil {
		return nil, err
	}
	stops := []func(){route}
	for _, f := range w.finders {
		stops = append(stops, f.Watch(
			func(name string) { in.put(Notification{NS: name, Topic: NamespaceTopic}) },
			func() { in.put(Notification{Topic: TemplateTopic}) },
		))
	}
	if ruleset {
		// A kernel without nftables has no such socket, and no iptables with the nft backend either.
		if filter, err := w.listen(in, unix.NETLINK_NETFILTER, []uint{unix.NFNLGRP_NFTABLES}, w.newCauseFinder().readRuleset); err == nil {
			stops = append(stops, filter)
		}
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}, nil
}

func (w *World) listen(in *Inbox, protocol int, groups []uint, read func(in *Inbox, ns int, msg []byte)) (stop func(), err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, fmt.Errorf("listen to the kernel: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink events")
	if protocol == unix.NETLINK_ROUTE {
		err = attachFilter(fd)
	}
	if err == nil {
		err = subscribe(fd, groups)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return readEvents(fd, f, func(ns int, msg []byte) { read(in, ns, msg) }, in), nil
}

func subscribe(fd int, groups []uint) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		// In a user namespace, without CAP_NET_ADMIN for the machine, net.core.rmem_max is the limit.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_LISTEN_ALL_NSID, 1); err != nil {
		return fmt.Errorf("listen to all namespaces (needs CAP_NET_BROADCAST): %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("listen to the kernel: %w", err)
	}
	for _, g := range groups {
		err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(g))
		if errors.Is(err, unix.EINVAL) && g == unix.RTNLGRP_BRVLAN {
			// Before Linux 5.6, VLANs have no group of their own, and no request to look at them either.
			continue
		}
		if err != nil {
			return fmt.Errorf("listen to multicast group %d: %w", g, err)
		}
	}
	return nil
}

// namespaceID returns the ID, in linkd's own namespace, of the namespace that sent a message; -1 for linkd's own, for
// which the kernel sends none.
func namespaceID(oob []byte) int {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_NETLINK && m.Header.Type == unix.NETLINK_LISTEN_ALL_NSID && len(m.Data) >= 4 {
			return int(int32(Number(m.Data[:4])))
		}
	}
	return -1
}

func (s *causeFinder) readRoute(in *Inbox, id int, b []byte) {
	ns := s.world.NameOf(id)
	if ns == "" {
		return
	}
	eachMessage(b, func(messageType uint16, port, seq uint32, body []byte) {
		topic, known := routeTopic(messageType)
		if !known {
			return
		}
		if topic == NamespaceTopic {
			if ended := s.world.ended(id, body); ended != "" {
				in.put(Notification{NS: ended, Topic: topic})
			}
			return
		}
		if s.world.isEchoed(id, port, seq) {
			return
		}
		if port != 0 && isKernelRouteDeleted(messageType, body) {
			in.put(Notification{NS: ns, Topic: AddressTopic, By: s.causeOf(port, id)})
		}
		if index, is := multicastRouteOn(body); topic == RouteTopic && is {
			in.put(Notification{NS: ns, Topic: LinkTopic, Links: []int{index}})
		}
		n := Notification{NS: ns, Topic: topic}
		if n.Foreign = topic == RouteTopic && s.world.isForeign(ns, body); n.Foreign {
			in.put(n)
			return
		}
		n.By = s.causeOf(port, id)
		switch topic {
		case AddressTopic, RouteTopic:
			n.Removed = removedBy(messageType, body)
		case LinkTopic:
			n.Links = linkAt(body)
		case TrafficTopic:
			// The actions of filters, whose messages have another header (struct tcamsg), belong to no interface.
			if messageType != unix.RTM_NEWACTION && messageType != unix.RTM_DELACTION {
				n.Links = linkAt(body)
			}
		case NeighbourTopic:
			if e, err := ParseEntry(body); err == nil {
				n.Topic, n.Links = e.topicAndLinks()
			}
		}
		in.put(n)
	})
}

// linkAt returns the index of the interface in a message that begins with a struct ifinfomsg, br_vlan_msg or tcmsg, which have it
// at the same offset.
func linkAt(body []byte) []int {
	if len(body) < 8 {
		return nil
	}
	return []int{int(nl.NativeEndian().Uint32(body[4:]))}
}

// multicastRouteOn returns the interface of the IPv6 multicast route that a message is about. The kernel makes this route when IPv6
// begins on an interface, and deletes it when IPv6 ends there (addrconf_add_dev and addrconf_ifdown in net/ipv6/addrconf.c). The
// settings all.disable_ipv6 and DEV.disable_ipv6 do both, and the kernel announces their values by nothing else.
func multicastRouteOn(body []byte) (index int, is bool) {
	if len(body) < unix.SizeofRtMsg {
		return 0, false
	}
	head := nl.DeserializeRtMsg(body)
	if head.Family != unix.AF_INET6 || head.Type != unix.RTN_MULTICAST || head.Protocol != unix.RTPROT_KERNEL {
		return 0, false
	}
	err := EachAttr(body[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		if kind == unix.RTA_OIF && len(value) == 4 {
			index, is = int(Number(value)), true
		}
		return nil
	})
	return index, is && err == nil
}

// ended returns the namespace that has ended according to a message from the namespace with that ID; "" if the files
// do not name it. The kernel sends the message before it deletes the interfaces of the namespace, and with them their
// peers elsewhere (cleanup_net in net/core/net_namespace.c).
func (w *World) ended(id int, body []byte) string {
	if id != OwnID || len(body) < 4 {
		// Other namespaces have IDs of their own for the same namespace.
		return ""
	}
	attrs, err := Attrs(body[4:])
	if err != nil || len(attrs[unix.NETNSA_NSID]) != 4 {
		return ""
	}
	return w.NameOf(int(int32(Number(attrs[unix.NETNSA_NSID]))))
}

func (s *causeFinder) readRuleset(in *Inbox, id int, b []byte) {
	ns := s.world.NameOf(id)
	if ns == "" {
		return
	}
	eachMessage(b, func(messageType uint16, _, _ uint32, body []byte) {
		if messageType>>8 != unix.NFNL_SUBSYS_NFTABLES {
			return
		}
		n := Notification{NS: ns, Topic: RulesetTopic}
		if messageType&0xff == unix.NFT_MSG_NEWGEN {
			n.By = s.causeOfGeneration(body)
		}
		in.put(n)
	})
}

// eachMessage walks the netlink messages in b and passes their type, the port and the number of the request for the
// change, and the bytes after the header.
func eachMessage(b []byte, visit func(messageType uint16, port, seq uint32, body []byte)) {
	native := nl.NativeEndian()
	for len(b) >= unix.SizeofNlMsghdr {
		length := int(native.Uint32(b))
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return
		}
		visit(native.Uint16(b[4:]), native.Uint32(b[12:]), native.Uint32(b[8:]), b[unix.SizeofNlMsghdr:length])
		b = b[min((length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(b)):]
	}
}
