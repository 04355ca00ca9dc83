package link

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// birthGroup is the group of interfaces (ip-link(8), "group") that linkd's are made in. The kernel takes no alias before an
// interface is there and announced, but a group: so udev can tell whose it is in time. It marks nothing else. Groups of
// administrators are small numbers; one that they had, too, would take their interfaces from systemd-networkd.
const birthGroup = 108108

func inBirthGroup() *nl.RtAttr { return nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(birthGroup)) }

// fetchMark is linkd's mark on an interface that it has fetched: an alternative name, which moves with the interface
// and survives the end of a namespace, and leaves the alias to whoever made the interface. It tells an administrator where
// that belongs, and linkd which interfaces to look up in the journal: see spec.Relations.
//
// What ip-link(8) would not take as an argument, a blank or a slash in a selector, is escaped as in a URL.
type fetchMark struct {
	cable string
	from  spec.Selector
	name  string
}

// altNameMax is ALTIFNAMSIZ in linux/if.h, without the zero byte.
const altNameMax = 127

func (m fetchMark) String() string {
	from := strings.ReplaceAll(url.PathEscape(m.from.String()), "@", "%40")
	return markPrefix + m.cable + "@" + from + ":" + m.name
}

func parseFetchMark(text string) (m fetchMark, ok bool) {
	rest, ok := strings.CutPrefix(text, markPrefix)
	colon := max(0, strings.LastIndex(rest, ":"))
	at := strings.LastIndex(rest[:colon], "@")
	if !ok || at < 0 {
		return m, false
	}
	from, err := url.PathUnescape(rest[at+1 : colon])
	if err != nil {
		return m, false
	}
	m = fetchMark{cable: rest[:at], name: rest[colon+1:], from: spec.Selector{Scheme: from}}
	if scheme, value, found := strings.Cut(from, ":"); found {
		m.from = spec.Selector{Scheme: scheme, Value: value}
	}
	return m, spec.CheckIfName(m.name) == nil
}

// fetchMarkOf is the mark that an interface carries, and how it is written.
func fetchMarkOf(l *observe.Link) (m fetchMark, text string, ok bool) {
	for _, name := range l.AltNames {
		if m, ok = parseFetchMark(name); ok {
			return m, name, true
		}
	}
	return m, "", false
}

// setFetchMark has an interface carry that mark and no other; "" is none.
func setFetchMark(ns *observe.NS, l *observe.Link, mark string) error {
	if mark != "" && !slices.Contains(l.AltNames, mark) {
		if err := ns.Change(altName(unix.RTM_NEWLINKPROP, l.Index, mark)); err != nil {
			return err
		}
	}
	for _, name := range l.AltNames {
		if _, is := parseFetchMark(name); is && name != mark {
			if err := removeAltName(ns, l.Index, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeAltName removes an alternative name from an interface. It is no error if the interface does not have it any more.
func removeAltName(ns *observe.NS, index int, name string) error {
	err := ns.Change(altName(unix.RTM_DELLINKPROP, index, name))
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("remove its name %s: %w", name, err)
}

func altName(messageType, index int, name string) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(messageType, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	list := nl.NewRtAttr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, nil)
	list.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated(name))
	req.AddData(list)
	return req
}
