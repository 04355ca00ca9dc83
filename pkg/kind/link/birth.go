package link

import (
	"cmp"
	"errors"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// The birth namespace of a tunnel is the one in which it was created. Its outer packets go through the network of that
// namespace, wherever the interface itself has been moved since.

const birthKey = "birth"

// resolveBirth sets the birth namespace of l from its key.
func (d *decoder) resolveBirth(l *Link, n, parent *yaml.Node) {
	if n == nil {
		return
	}
	var ref spec.NSRef
	d.c.Decode(n, &ref)
	l.Birth = string(ref)
	if parent != nil {
		d.c.Errorf(n, "birth is the namespace of the parent, where a link has one: leave out birth, or parent")
	}
}

// birthNS returns the name of the namespace in which linkd creates the link: that of the parent, or the one that the files say.
func (l *Link) birthNS() string {
	switch {
	case l.hasParent():
		return l.Parent.NS
	case l.Birth != "":
		return l.Birth
	}
	return l.NS
}

// bornElsewhere reports whether linkd creates the link in another namespace. Then the kernel checks in that namespace whether the
// link's name is free. Before 6.15 it creates the link there and moves it. But the name must be free only in the link's own
// namespace, so linkd creates the link with a unique name, and renames it in its namespace.
func (l *Link) bornElsewhere() bool { return l.birthNS() != l.NS }

// inBirthplace adds to a request the namespaces in which the kernel creates the link and into which it moves it, and returns the
// namespace in which to send it. Tunnels over IP remember the namespace in which they were created, and before 6.15 the kernel
// creates them in their last namespace unless IFLA_LINK_NETNSID names another one (rtnl_newlink_create in net/core/rtnetlink.c).
func (t *Type) inBirthplace(req *nl.NetlinkRequest, ns, there *observe.NS) (*observe.NS, error) {
	if !t.Underlay || there.Identity == ns.Identity {
		req.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(ns.FD()))))
		return there, nil
	}
	id, err := ns.EnsureIDOf(there)
	if err == nil {
		req.AddData(nl.NewRtAttr(unix.IFLA_LINK_NETNSID, nl.Uint32Attr(uint32(id))))
	}
	return ns, err
}

// birthWord follows the ID in the mark of a link of a type that does not report where it was created. An ID has no spaces.
const birthWord = " " + birthKey + " "

// markText returns linkd's mark for the link.
func (l *Link) markText() string {
	text := markPrefix + l.Cable
	if t := typeNamed(l.Type); t != nil && t.HidesBirth && l.bornElsewhere() {
		text += birthWord + l.birthNS()
	}
	return text
}

// parseMark returns the ID in an alias, and the birth namespace in it; "" if the alias does not say one.
func parseMark(alias string) (cable, birth string) {
	cable, _ = strings.CutPrefix(alias, markPrefix)
	cable, birth, _ = strings.Cut(cable, birthWord)
	return cable, birth
}

// birthOf returns the name of the birth namespace of an observed link; "" if linkd does not know it. isKnown says that f.other.NS
// is.
func birthOf(ns *observe.NS, f *found, isKnown bool) string {
	t := typeNamed(f.link.Kind)
	switch {
	case t == nil || !t.Underlay || f.lost:
		return ""
	case t.HidesBirth:
		if _, birth := parseMark(f.link.Alias); birth != "" || !Marked(f.link) {
			return birth
		}
		return ns.Name
	case f.link.ParentNS == here:
		return ns.Name
	case !isKnown:
		return elsewhere
	}
	name := ns.World().NameOf(f.other.NS)
	if name == "" && ns.World().IdentifyDeclared() {
		name = ns.World().NameOf(f.other.NS)
	}
	return cmp.Or(name, elsewhere)
}

// shownBirth returns the birth namespace for people, if it is another one than the link's and the parent does not say it.
func (l *Link) shownBirth() string {
	birth := l.birthNS()
	if l.found != nil {
		birth = l.found.birth
	}
	if l.hasParent() || birth == l.NS {
		return ""
	}
	return birth
}

// health reports a link whose birth namespace has ended. WireGuard keeps the interface then, closes its socket for good, and takes
// the carrier away (wg_netns_pre_exit in drivers/net/wireguard/device.c).
func health(want, have *Link) (c reconcile.Condition) {
	t := typeNamed(want.Type)
	flags := have.found.link.Flags
	if t == nil || !t.HidesBirth || !want.bornElsewhere() || flags&unix.IFF_UP == 0 || flags&unix.IFF_LOWER_UP != 0 {
		return c
	}
	c.State, c.Reason, c.Renew = reconcile.Failed, "the namespace "+want.birthNS()+" in which it was made has ended, and its socket with it; linkd makes it again", true
	return c
}

// onParent looks up the parent right before linkd uses it, and the namespace in which linkd creates the link. The kernel resolves
// the parent's index there, and creates the link in the desired namespace.
func (l *Link) onParent(ns *observe.NS) (there *observe.NS, index int, err error) {
	if there = ns; l.bornElsewhere() {
		there, err = ns.Other(l.birthNS())
	}
	if err != nil || !l.hasParent() {
		return there, 0, err
	}
	index, err = there.Index(l.Parent.Key)
	if errors.Is(err, unix.ENODEV) {
		err = observe.Pendingf("its parent %s is not there", end(l.Parent))
	}
	return there, index, err
}
