package link

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/link/belongings"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// FetchedFrom returns the ID that the interface has in the namespace from which linkd fetches it; ok is false if linkd does not
// fetch it.
func (l *Link) FetchedFrom() (origin spec.ID, ok bool) {
	if l.found != nil {
		origin = l.found.origin
	} else if o, is := l.Options.(*existingOptions); is {
		origin = o.origin
	}
	return origin, origin != spec.ID{}
}

func (l *Link) fetchMark() string {
	if o, is := l.Options.(*existingOptions); is {
		return o.mark
	}
	return ""
}

// fetch moves the interface to the desired namespace and configures it. It sets the mark first: if linkd is killed after the move,
// it finds the interface by its mark and looks it up in the journal.
func fetch(ns *observe.NS, want, have *Link) error {
	there, l, err := have.current(ns)
	if err != nil {
		return err
	}
	if err := setFetchMark(there, l, want.fetchMark()); err != nil {
		return fmt.Errorf("mark it: %w", err)
	}
	foreign := have.NS != want.NS && have.NS != spec.Host
	if foreign {
		// The group says that the interface still has its old names. leaveNames removes it, even if linkd was killed in between.
		if err := set(there, l.Index, nil, inBirthGroup()); err != nil {
			return fmt.Errorf("set its group: %w", err)
		}
	}
	if have.ID() != want.ID() {
		left, err := move(there, l, have.found.device, ns, want.Name)
		if err != nil && !left {
			err = errors.Join(err, undoFetch(ns, have, l, foreign))
		}
		if err != nil {
			return err
		}
	}
	if foreign || have.ID() == want.ID() && have.hasForeignNames() {
		if err := leaveNames(ns, want); err != nil {
			return err
		}
	}
	come := *want
	if have.NS != want.NS {
		come.Up = want.birthUp()
	}
	return configure(ns, &come)
}

// current returns the interface as it is now, and its namespace. It fails if another interface has the name by now.
func (l *Link) current(ns *observe.NS) (*observe.NS, *observe.Link, error) {
	there, err := ns.Other(l.NS)
	if err != nil {
		return nil, nil, err
	}
	now, err := there.LinkByName(l.Name)
	if err == nil && now.Index != l.found.link.Index {
		err = fmt.Errorf("%s: %s is another by now: %w", there.Name, l.Name, unix.ENODEV)
	}
	return there, now, err
}

// configure changes the attributes that differ from the desired ones. Some drivers refuse a MAC address while the interface is up,
// even the current one.
func configure(ns *observe.NS, want *Link) error {
	l, err := ns.LinkByName(want.Name)
	if err != nil {
		return err
	}
	differing := Link{MAC: differs(want.MAC, l.MAC), MTU: differs(want.MTU, l.MTU), TxQueueLen: differs(want.TxQueueLen, l.TxQLen)}
	attrs, up := differing.attrs(), differs(want.Up, l.Up())
	if len(attrs) == 0 && up == nil {
		return nil
	}
	return set(ns, l.Index, up, attrs...)
}

func differs[T comparable](want *T, have T) *T {
	if want != nil && *want == have {
		return nil
	}
	return want
}

// move moves an interface to another namespace and renames it, or renames it where it is. It moves nothing if the name is in use
// there. left says that the interface has left its namespace, and so has lost its addresses and routes.
//
// Root in from can replace the device with another interface that has the same name and index, at any moment before the kernel
// moves it. So move compares the device again after the move, when nobody can replace it any more.
func move(from *observe.NS, l *observe.Link, device string, to *observe.NS, name string) (left bool, err error) {
	same := from == to
	if same && l.Name == name {
		return false, nil
	}
	switch other, err := to.LinkByName(name); {
	case err == nil && !(same && other.Index == l.Index):
		return false, fmt.Errorf("there is another %s in %s: %w", name, to.Name, unix.EEXIST)
	case err != nil && !errors.Is(err, unix.ENODEV):
		return false, err
	case same:
		return false, rename(from, l, name)
	}
	err = set(from, l.Index, nil, into(to), named(name))
	switch {
	case err == nil:
		return verifyMoved(from, l.Name, device, to, name)
	case errors.Is(err, unix.EINVAL):
		return false, fmt.Errorf("the kernel does not let it leave its namespace, as it does not let a bridge, a bond, a vrf or lo: %w", err)
	case errors.Is(err, unix.EEXIST):
		// The kernel checks whether the old name is free there, moves the interface, and only then renames it (do_setlink in
		// net/core/rtnetlink.c). Another interface may have taken the new name in between.
		if _, lookErr := from.LinkByName(l.Name); errors.Is(lookErr, unix.ENODEV) {
			return true, errors.Join(err, comeBack(from, l.Name, device, to))
		}
	}
	return false, err
}

// comeBack moves a device that is already in the namespace to back, under its old name. If another interface has that name in from,
// the device stays.
func comeBack(from *observe.NS, name, device string, to *observe.NS) error {
	now, err := deviceNamed(to, name)
	if err != nil || now != device {
		return err
	}
	l, err := to.LinkByName(name)
	if err != nil {
		return err
	}
	return set(to, l.Index, nil, into(from), named(name))
}

// verifyMoved reports whether an interface other than the device arrived, and moves that one back. If it cannot move it back, it
// deletes it: a tenant put it in the device's place, and it is down and has no addresses.
func verifyMoved(from *observe.NS, oldName, device string, to *observe.NS, name string) (other bool, err error) {
	now, err := deviceNamed(to, name)
	if err != nil || now == device {
		return false, err
	}
	if renamed, err := nameOfDevice(to, device); err != nil || renamed != "" {
		return false, errors.Join(err, fmt.Errorf("%s: somebody renamed %s to %q meanwhile", to.Name, name, renamed))
	}
	l, err := to.LinkByName(name)
	if err != nil {
		return true, err
	}
	if err := set(to, l.Index, nil, into(from), named(oldName)); err != nil {
		return true, errors.Join(err, deleteIndex(to, l.Index))
	}
	return true, fmt.Errorf("%s: another interface was put in the place of %s: %w", from.Name, oldName, unix.ENODEV)
}

func into(ns *observe.NS) *nl.RtAttr {
	return nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(ns.FD())))
}

// rename renames an interface. Kernels before 6.2 refuse that while it is up (dev_change_name in net/core/dev.c), so rename sets it
// down and up, and restores what that removes.
func rename(ns *observe.NS, l *observe.Link, name string) error {
	err := set(ns, l.Index, nil, named(name))
	if !errors.Is(err, unix.EBUSY) || !l.Up() {
		return err
	}
	r, err := takeSnapshot(ns, l)
	if err != nil {
		return err
	}
	down, up := false, true
	if err := set(ns, l.Index, &down); err != nil {
		return err
	}
	err = set(ns, l.Index, nil, named(name))
	if err != nil {
		name = l.Name
	}
	return errors.Join(err, set(ns, l.Index, &up), r.Belongings.Restore(ns, name))
}

// Record returns what the journal keeps about an interface before linkd fetches it: a snapshot and the device number. The snapshot
// is empty for an interface that is only renamed in its namespace, which keeps all its attributes.
func (kind) Record(_ context.Context, ns *observe.NS, want, have *Link) (before, device string, err error) {
	_, l, err := have.current(ns)
	if err != nil {
		return "", "", err
	}
	if have.found.device, err = deviceNamed(ns, l.Name); err != nil {
		return "", "", fmt.Errorf("nothing would tell %s from another interface later, so it is not fetched: %w", l.Name, err)
	}
	r := snapshot{attributes: attributesOfLink(l), Belongings: belongings.Belongings{Name: l.Name}}
	if want.NS != have.NS {
		if r, err = takeSnapshot(ns, l); err != nil {
			return "", "", fmt.Errorf("remember what %s is: %w", l.Name, err)
		}
	}
	before, err = r.text()
	return before, have.found.device, err
}

// PutBack moves a fetched interface back and restores it from the snapshot. It removes the mark last: if linkd is killed before
// that, it puts the interface back again.
func (kind) PutBack(_ context.Context, ns *observe.NS, have *Link, before string) error {
	there, l, err := have.current(ns)
	if err != nil {
		return err
	}
	origin := have.found.origin
	at, err := ns.Other(origin.NS)
	if err != nil {
		return err
	}
	r := parseSnapshot(before, l)
	if err := r.restoreNames(there, l); err != nil {
		return err
	}
	if _, err := move(there, l, have.found.device, at, origin.Key); err != nil {
		return err
	}
	// Root in the namespace can have changed the names again before the interface left.
	if l, err = at.LinkByName(origin.Key); err == nil {
		err = errors.Join(r.restoreNames(at, l), r.addNames(at, l))
	}
	if err != nil {
		return err
	}
	switch err := r.restore(at, origin.Key); {
	case errors.Is(err, observe.ErrPending):
		return fmt.Errorf("it is in %s, but not all that it had there yet: %w", origin.NS, err)
	case err != nil:
		return fmt.Errorf("it is in %s, but not all that it had there: %w; to leave it so: ip link property del dev %s altname %s",
			origin.NS, err, shellWord(origin.Key), shellWord(have.found.mark))
	}
	if l, err = at.LinkByName(origin.Key); err != nil {
		return err
	}
	return setFetchMark(at, l, "")
}

// Leaves returns which of the found resources end when the interface leaves, and which only lose it as their parent. A vxlan ends
// when the interface that it sends from leaves (vxlan_handle_lowerdev_unregister in drivers/net/vxlan); other types keep a parent
// in another namespace.
func (kind) Leaves(have *Link, found []spec.Resource) (ends, loses []spec.ID) {
	for _, r := range found {
		id := r.ID()
		if l, is := r.(*Link); is {
			if l.NS == have.NS && l.Parent == have.ID() {
				loses = append(loses, id)
			}
			if l.NS == have.NS && l.Type == "vxlan" && int(observe.Number(l.found.link.Data[nl.IFLA_VXLAN_LINK])) == have.found.link.Index {
				ends = append(ends, id)
			}
			continue
		}
		if r.Relations().StaysBehind && slices.Contains(r.Needs(), have.ID()) {
			loses = append(loses, id)
		}
	}
	return ends, loses
}
