package observe

import "linkd/pkg/spec"

// Existing are the names under which the files configure interfaces that others made, each in its namespace. Such a name
// may be an alternative one (ip-link(8), altname): of the names of a network card, the kernel's may change at each boot.
type Existing map[spec.End]bool

// DeclareExisting sets the names of interfaces that others made. A link with one of them as an alternative name is found
// under that.
func (w *World) DeclareExisting(e Existing) { w.existing.Store(&e) }

// parseLink is parseLink, with the name under which the files know the link.
func (ns *NS) parseLink(msg []byte) (*Link, error) {
	l, err := parseLink(msg)
	existing := ns.world.existing.Load()
	if err != nil || existing == nil || len(*existing) == 0 || (*existing)[spec.End{NS: ns.Name, Dev: l.Name}] {
		return l, err
	}
	for _, name := range l.AltNames {
		if (*existing)[spec.End{NS: ns.Name, Dev: name}] {
			l.FirstName, l.Name = l.Name, name
			break
		}
	}
	return l, nil
}
