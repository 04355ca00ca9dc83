package observe

import "linkd/pkg/spec"

// Existing are the names by which the files configure foreign interfaces, each in its namespace. A name may be an
// alternative name (ip-link(8), altname), because the kernel's name of a network card may change at each boot.
type Existing map[spec.End]bool

// DeclareExisting sets the names of foreign interfaces. NS then returns a link with one of them as an alternative
// name under that name.
func (w *World) DeclareExisting(e Existing) { w.existing.Store(&e) }

// parseLink parses a message and sets the name by which the files know the link.
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
