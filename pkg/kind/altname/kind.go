package altname

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of alternative names.
var Kind = reconcile.Register[*AltName](kindName, kind{}, reconcile.Capabilities[*AltName]{
	Topics: []observe.Topic{observe.LinkTopic},
	FromID: kind{}.FromID,
	Ownership: reconcile.Ownership[*AltName]{
		Fingerprint: func(have *AltName) string { return fmt.Sprint(have.index) },
		Noun:        func(*AltName) string { return "alternative name" },
	},
	Show: kind{}.Show,
})

type kind struct{}

// Observe finds the interfaces that have the wanted names.
func (kind) Observe(_ context.Context, ns *observe.NS, query reconcile.Query[*AltName]) (found []*AltName, err error) {
	if query.Purpose != reconcile.ToCompare || len(query.Wanted) == 0 {
		return nil, nil
	}
	byDriver := slices.ContainsFunc(query.Wanted, func(w *AltName) bool { return w.Match != nil && w.Match.Driver != nil })
	cards, err := list(ns, byDriver)
	if err != nil {
		return nil, err
	}
	for _, want := range query.Wanted {
		for _, c := range cards {
			if c.name == want.Name || slices.Contains(c.altNames, want.Name) {
				found = append(found, &AltName{NS: ns.Name, Name: want.Name, Dev: c.name, index: c.index, card: c})
			}
		}
	}
	return found, nil
}

// FromID returns the name with an ID.
func (kind) FromID(id spec.ID) (*AltName, bool) {
	return &AltName{NS: id.NS, Name: id.Key}, id.Kind == kindName && spec.CheckIfName(id.Key) == nil
}

// Owned returns false: a name carries no mark, and the journal knows which ones linkd has given.
func (kind) Owned(*AltName) bool { return false }

// Diff compares the interface that has the name with the desired one.
func (kind) Diff(want, have *AltName) []reconcile.Field {
	var fields reconcile.Fields
	switch {
	case want.Match != nil && len(want.Match.among([]card{have.card}, want.Name)) == 0:
		fields.DifferReplace("interface", have.Dev, "match: "+want.Match.String())
	case want.Match == nil && want.Dev != have.Dev && !slices.Contains(have.card.altNames, want.Dev):
		fields.DifferReplace("interface", have.Dev, want.Dev)
	}
	return fields
}

// Create gives the name to the one interface that fits.
func (kind) Create(_ context.Context, ns *observe.NS, want *AltName) error {
	index, err := 0, error(nil)
	if want.Match == nil {
		index, err = ns.Index(want.Dev)
	} else {
		index, err = find(ns, want)
	}
	if err != nil {
		return err
	}
	err = ns.Change(observe.AltNameRequest(unix.RTM_NEWLINKPROP, index, want.Name))
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	cards, lookErr := list(ns, false)
	for _, c := range cards {
		switch has := c.name == want.Name || slices.Contains(c.altNames, want.Name); {
		case has && c.index == index:
			return nil
		case has:
			return fmt.Errorf("%w: %s has that name", err, c.name)
		}
	}
	return errors.Join(err, lookErr)
}

// find returns the index of the interface that the match finds. Several are an error that lists them.
func find(ns *observe.NS, want *AltName) (int, error) {
	cards, err := list(ns, true)
	if err != nil {
		return 0, err
	}
	switch fit := want.Match.among(cards, want.Name); len(fit) {
	case 0:
		return 0, observe.Pendingf("no interface of %s has %s", ns.Name, want.Match)
	case 1:
		return fit[0].index, nil
	default:
		texts := make([]string, len(fit))
		for i, c := range fit {
			texts[i] = c.String()
		}
		slices.Sort(texts)
		return 0, fmt.Errorf("%s fits %d interfaces: %s; say more in match", want.Match, len(fit), strings.Join(texts, ", "))
	}
}

func (k kind) Update(ctx context.Context, ns *observe.NS, want, have *AltName) error {
	if err := k.Delete(ctx, ns, have); err != nil {
		return err
	}
	return k.Create(ctx, ns, want)
}

// Delete takes the name from the interface on which it was observed.
func (kind) Delete(_ context.Context, ns *observe.NS, have *AltName) error {
	err := ns.Change(observe.AltNameRequest(unix.RTM_DELLINKPROP, have.index, have.Name))
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// Show writes nothing: an interface is shown by its name, and its alternative names find it, too.
func (kind) Show(*spec.Document, []*AltName, reconcile.JournalLookup) {}
