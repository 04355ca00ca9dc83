package link

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// claim returns the origin that the fetch mark names, and the device. ok is false without a mark, and for interfaces that linkd
// cannot have fetched: the loopback interface, and those that cannot leave their namespace.
func (l *Link) claim() (origin spec.ID, device string, ok bool) {
	if l.found == nil || l.found.mark == "" || l.Name == loopback || slices.Contains(immovable, l.Type) {
		return spec.ID{}, "", false
	}
	return l.found.claim, l.found.device, true
}

// immovable lists the types whose interfaces cannot leave their namespace (netns_immutable; before 6.13 NETIF_F_NETNS_LOCAL).
var immovable = []string{"bridge", "bond", "vrf", "team", "hsr", "batadv"}

// Confirm notes what the journal says about a fetched interface: where it comes from, and how to find that namespace.
func (kind) Confirm(l *Link, origin spec.ID, from spec.Selector) {
	l.found.origin, l.found.from = origin, from
}

// peerUnmarked reports whether the other end of a pair is in another namespace and does not
// carry the same mark, or is in a namespace that the files do not name. The kernel deletes both ends together.
func (l *Link) peerUnmarked() bool {
	t := typeNamed(l.Type)
	if l.found == nil || t == nil || !t.Paired || l.found.link.ParentNS == here {
		return false
	}
	return l.Peer == nil || l.Peer.found.link.Alias != l.found.link.Alias
}

// here is the ParentNS of an interface whose other end is in the same namespace.
const here = -1

// Advice returns what an administrator can do about an interface with a fetch mark that no journal confirms. It quotes the mark and
// the name in the commands: a tenant may have chosen them, and the administrator may run the commands as root.
func (kind) Advice(l *Link) string {
	m, _ := parseFetchMark(l.found.mark)
	ip, dev := "nsenter --net="+shellWord(l.found.path)+" ip", shellWord(l.Name)
	switch {
	case l.NS == spec.Host:
		ip = "ip"
	case filepath.Dir(l.found.path) == observe.NetnsDir:
		ip = "ip -n " + shellWord(filepath.Base(l.found.path))
	}
	to := "NAMESPACE"
	switch m.from.Scheme {
	case spec.Host:
		to = "1"
	case "name", "pid":
		to = shellWord(m.from.Value)
	}
	return fmt.Sprintf("%[1]s/%[2]s has the alternative name %[9]s, but no journal confirms that linkd fetched it from %[3]s, so linkd leaves it there. "+
		"To put it back: %[4]s link set dev %[5]s netns %[6]s name %[7]s. To keep it there: %[4]s link property del dev %[5]s altname %[8]s. "+
		"To have linkd manage it: write adopt: true where a file fetches it",
		l.NS, l.Name, end(l.found.claim), ip, dev, to, shellWord(m.name), shellWord(l.found.mark), l.found.mark)
}

// shellWord quotes a word for a POSIX shell, unless the word has no special characters.
func shellWord(word string) string {
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-+.:/@%,", r)
	}
	if word != "" && !strings.ContainsFunc(word, special) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// restoreNames restores the interface's alias, and removes the alternative names that it did not have. A process that is root in
// the namespace where the interface was could have set an alias by which linkd would delete the interface, or a name that another
// interface needs.
func (r snapshot) restoreNames(ns *observe.NS, l *observe.Link) error {
	alias, known := "", r.Alias != nil
	if known {
		alias = *r.Alias
	}
	if l.Alias != alias && (known || Marked(l)) {
		if err := set(ns, l.Index, nil, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias))); err != nil {
			return fmt.Errorf("put its alias back: %w", err)
		}
	}
	for _, name := range l.AltNames {
		if _, is := parseFetchMark(name); is || !known || slices.Contains(r.Names, name) {
			continue
		}
		if err := removeAltName(ns, l.Index, name); err != nil {
			return err
		}
	}
	return nil
}

// addNames restores the interface's alternative names, except those that another interface has now.
func (r snapshot) addNames(ns *observe.NS, l *observe.Link) error {
	for _, name := range r.Names {
		if _, is := parseFetchMark(name); is || slices.Contains(l.AltNames, name) {
			continue
		}
		if err := ns.Change(observe.AltNameRequest(unix.RTM_NEWLINKPROP, l.Index, name)); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("give it back its name %s: %w", name, err)
		}
	}
	return nil
}
