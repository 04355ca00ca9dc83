package link

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of links.
var Kind = reconcile.Register[*Link]("link", kind{}, capabilities)

var capabilities = reconcile.Capabilities[*Link]{
	Topics:   []observe.Topic{observe.LinkTopic},
	Link:     kind{}.OnLink,
	Connect:  kind{}.Connect,
	Settings: kind{},
	Fill:     kind{}.Fill,
	Ownership: reconcile.Ownership[*Link]{
		Fingerprint: kind{}.Fingerprint,
		Unfinished:  func(have *Link) bool { return have.found.link.Group == birthGroup },
		Adopts:      func(want, _ *Link) bool { return want.Adopt },
		Taken:       taken,
		Noun:        func(have *Link) string { return cmp.Or(have.Type, "interface") },
		AdoptKey:    true,
	},
	Fetching: kind{},
	Unseen:   kind{}.Unseen,
	Show:     kind{}.Show,
	Contents: contents,
	Health:   health,
	Carries:  (*Link).carries,
}

type kind struct{}

// taken returns what to do about a container's interface that has the name of a desired one.
func taken(want, have *Link, engine string) string {
	if engine == "" {
		return ""
	}
	name := "otherwise"
	if base := strings.TrimRight(want.Name, "0123456789"); base != want.Name {
		number, _ := strconv.Atoi(want.Name[len(base):])
		name = base + strconv.Itoa(number+1)
	}
	return fmt.Sprintf("%s already has an interface named %q that %s created. Start the container with --network none, or name this end %s", want.NS, have.Name, engine, name)
}

func (kind) Owned(have *Link) bool {
	_, fetched := have.FetchedFrom()
	return fetched || Marked(have.found.link)
}

// Fingerprint returns the index. linkd marks an interface after it creates it (the kernel accepts no alias at creation,
// rtnl_create_link in net/core/rtnetlink.c), so a kill in between leaves one without a mark. The kernel does not use an index twice
// in a namespace until the indexes wrap.
func (kind) Fingerprint(have *Link) string { return strconv.Itoa(have.found.link.Index) }

func (kind) Diff(want, have *Link) []reconcile.Field {
	var fs reconcile.Fields
	l := have.found.link
	if mark := want.fetchMark(); mark != "" && mark != have.found.mark && have.ID() == want.ID() {
		fs.DifferMark("mark", have.found.mark, mark)
	} else if mark != "" && have.ID() == want.ID() && have.hasForeignNames() {
		fs.Differ("names", "of the namespace where it was", "its own")
	}
	if want.Type != existing {
		if mark := want.markText(); l.Alias != mark {
			fs.DifferMark("mark", l.Alias, mark)
		}
		if want.Type != have.Type {
			fs.DifferReplace("kind", have.Type, want.Type)
			return fs
		}
	}
	switch {
	case have.found.lost:
		// If linkd guessed wrong, it would replace the interface.
	case want.Peer != nil && (have.Peer == nil || have.Peer.ID() != want.Peer.ID()):
		fs.DifferReplace("peer", end(have.peerID()), end(want.peerID()))
	case want.hasParent() && have.Parent != want.Parent:
		fs.DifferReplace("parent", end(have.Parent), end(want.Parent))
	case !want.hasParent() && have.found.birth != "" && have.found.birth != want.birthNS():
		fs.DifferReplace(birthKey, have.found.birth, want.birthNS())
	}
	if t := typeNamed(want.Type); t != nil && t.FixedMAC && want.MAC != nil && *want.MAC != l.MAC {
		fs.DifferReplace("mac", l.MAC, *want.MAC)
	} else {
		reconcile.Compare(&fs, "mac", want.MAC, l.MAC)
	}
	reconcile.Compare(&fs, "mtu", want.MTU, l.MTU)
	reconcile.Compare(&fs, "txqueuelen", want.TxQueueLen, l.TxQLen)
	reconcile.Compare(&fs, "up", want.Up, l.Up())
	want.Queues.compare(&fs, l)
	compareOptions(&fs, want.Options, l.Data)
	return fs
}

func end(id spec.ID) string {
	if id == (spec.ID{}) {
		return elsewhere
	}
	return id.NS + "/" + id.Key
}

// elsewhere stands for a namespace that no file names.
const elsewhere = "elsewhere"
