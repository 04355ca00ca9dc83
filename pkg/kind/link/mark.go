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

// birthGroup is the group (ip-link(8), "group") in which linkd creates its interfaces. The kernel announces an interface before
// linkd can set its alias, but accepts a group at creation: so udev rules can recognize the interface in time. It marks nothing
// else. The number is large because administrators use small ones; if an administrator used the same number, systemd-networkd would
// not configure those interfaces.
const birthGroup = 108108

func inBirthGroup() *nl.RtAttr { return nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(birthGroup)) }

// fetchMark is linkd's mark on an interface that it has fetched: an alternative name. An alternative name moves with the interface,
// survives the end of a namespace, and leaves the alias to the interface's creator. It tells an administrator where the interface
// comes from, and linkd which interfaces to look up in the journal: see spec.Relations.
//
// Characters that ip-link(8) does not accept in an argument, a space or a slash in a selector, are escaped as in a URL.
type fetchMark struct {
	cable string
	from  spec.Selector
	name  string
}

// altNameMax is the longest alternative name in bytes: ALTIFNAMSIZ in linux/if.h, without the zero byte.
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

// fetchMarkOf returns an interface's fetch mark, and its text.
func fetchMarkOf(l *observe.Link) (m fetchMark, text string, ok bool) {
	for _, name := range l.AltNames {
		if m, ok = parseFetchMark(name); ok {
			return m, name, true
		}
	}
	return m, "", false
}

// setFetchMark sets an interface's fetch mark and removes others; "" removes all.
func setFetchMark(ns *observe.NS, l *observe.Link, mark string) error {
	if mark != "" && !slices.Contains(l.AltNames, mark) {
		if err := ns.Change(observe.AltNameRequest(unix.RTM_NEWLINKPROP, l.Index, mark)); err != nil {
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

// removeAltName removes an alternative name from an interface. It succeeds if the interface no longer has the name.
func removeAltName(ns *observe.NS, index int, name string) error {
	err := ns.Change(observe.AltNameRequest(unix.RTM_DELLINKPROP, index, name))
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("remove its name %s: %w", name, err)
}
