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

// Home is where the interface is fetched from; ok is false for one that is not.
func (l *Link) Home() (home spec.ID, ok bool) {
	if l.found != nil {
		home = l.found.home
	} else if o, is := l.Options.(*existingOptions); is {
		home = o.home
	}
	return home, home != spec.ID{}
}

func (l *Link) fetchMark() string {
	if o, is := l.Options.(*existingOptions); is {
		return o.mark
	}
	return ""
}

// fetch brings the interface to where it is wanted, and makes it what is wanted. The mark comes first: what is killed
// after the move leaves an interface that linkd looks up in the journal.
func fetch(ns *observe.NS, want, have *Link) error {
	there, l, err := have.now(ns)
	if err != nil {
		return err
	}
	if err := setFetchMark(there, l, want.fetchMark()); err != nil {
		return fmt.Errorf("mark it: %w", err)
	}
	foreign := have.NS != want.NS && have.NS != spec.Host
	if foreign {
		// The group says that it still has the names, until leaveNames takes it, even if linkd is killed in between.
		if err := set(there, l.Index, nil, inBirthGroup()); err != nil {
			return fmt.Errorf("set its group: %w", err)
		}
	}
	if have.ID() != want.ID() {
		left, err := move(there, l, have.found.device, ns, want.Name)
		if err != nil && !left {
			err = errors.Join(err, stayHome(ns, have, l, foreign))
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
	return become(ns, &come)
}

// now is the interface as it is, in its namespace: another may have its name by now.
func (l *Link) now(ns *observe.NS) (*observe.NS, *observe.Link, error) {
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

// become changes of an interface what is not as wanted. Some drivers refuse to be told a MAC address while they are up,
// even the one that they have.
func become(ns *observe.NS, want *Link) error {
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

// move takes an interface to another namespace under a name, or gives it that name where it is. Nothing is moved when
// something has the name there already; left tells that the interface has been away, and so has lost what it had.
//
// Whoever is root in from can put another interface in the place of the device, with the same name and index, at any moment
// before the kernel moves it. So move compares the device again after the move, where nobody can replace it any more.
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
		// The kernel looks whether the old name is free there, moves, and only then gives the new name (do_setlink in
		// net/core/rtnetlink.c), which something may have taken in between.
		if _, lookErr := from.LinkByName(l.Name); errors.Is(lookErr, unix.ENODEV) {
			return true, errors.Join(err, comeBack(from, l.Name, device, to))
		}
	}
	return false, err
}

// comeBack moves a device back that is in to already, under its old name. If something else has that name there, it stays.
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

// verifyMoved reports whether another interface than the device arrived, and moves that one back. If it cannot move back, it
// is deleted: somebody put it there, and it is down and has no addresses.
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

// rename gives an interface another name. Before 6.2 the kernel does not do that while it is up (dev_change_name in
// net/core/dev.c), and what goes when it goes down is put back.
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

// Record implements reconcile.Fetching. What only gets another name where it is keeps all else.
func (kind) Record(_ context.Context, ns *observe.NS, want, have *Link) (before, device string, err error) {
	_, l, err := have.now(ns)
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

// PutBack implements reconcile.Fetching. The mark goes last: what is killed before that is put back once more.
func (kind) PutBack(_ context.Context, ns *observe.NS, have *Link, before string) error {
	there, l, err := have.now(ns)
	if err != nil {
		return err
	}
	home := have.found.home
	at, err := ns.Other(home.NS)
	if err != nil {
		return err
	}
	r := parseSnapshot(before, l)
	if err := r.restoreNames(there, l); err != nil {
		return err
	}
	if _, err := move(there, l, have.found.device, at, home.Key); err != nil {
		return err
	}
	// Whoever is root where it was can have changed them again before it left.
	if l, err = at.LinkByName(home.Key); err == nil {
		err = errors.Join(r.restoreNames(at, l), r.addNames(at, l))
	}
	if err != nil {
		return err
	}
	switch err := r.restore(at, home.Key); {
	case errors.Is(err, observe.ErrPending):
		return fmt.Errorf("it is in %s, but not all that it had there yet: %w", home.NS, err)
	case err != nil:
		return fmt.Errorf("it is in %s, but not all that it had there: %w; to leave it so: ip link property del dev %s altname %s",
			home.NS, err, shellWord(home.Key), shellWord(have.found.mark))
	}
	if l, err = at.LinkByName(home.Key); err != nil {
		return err
	}
	return setFetchMark(at, l, "")
}

// Leaves implements reconcile.Fetching. A vxlan ends when the interface that it sends by leaves
// (vxlan_handle_lowerdev_unregister in drivers/net/vxlan), while others keep a parent that is elsewhere.
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
