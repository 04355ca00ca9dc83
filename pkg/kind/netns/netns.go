// Package netns manages the names of namespaces in /run/netns: those of namespaces that linkd makes, and those under
// which linkd shows namespaces that it found elsewhere.
package netns

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of names in /run/netns. They are resources of linkd's own namespace.
var Kind = reconcile.Register[*Name]("netns", kind{}, reconcile.Capabilities[*Name]{
	Topics:    []observe.Topic{observe.NamespaceTopic},
	FromID:    kind{}.FromID,
	Complete:  kind{}.Complete,
	Ownership: reconcile.Ownership[*Name]{Fingerprint: kind{}.Fingerprint, Noun: func(*Name) string { return "namespace" }},
	Show:      kind{}.Show,
})

const createKey, exposeKey, loopbackKey = "create", "expose", "loopback"

// Keys returns the keys of a namespace about its name.
func Keys() []spec.Key {
	return []spec.Key{
		spec.NewKey(createKey, "create the namespace as /run/netns/NAME, and delete it when you remove the entry", func(c *spec.Context, create bool) {
			if s := c.Selector(); create && (s.Scheme != "name" || s.Value != c.NS) {
				c.Reject(c.Source(), "create makes /run/netns/%s, so it cannot go with from: %s", c.NS, s)
			} else if create {
				add(c, &Name{Made: true})
			}
		}),
		spec.NewKey(loopbackKey, "set lo up in a namespace that linkd creates; false leaves it down, as ip-netns(8) does", func(c *spec.Context, up bool) {
			id := (&Name{Host: c.HostNamespace(), Name: c.NS}).ID()
			c.Later(func() {
				if n, is := c.Declared(id).(*Name); is && n.Made {
					n.loopbackDown = !up
				} else {
					c.Reject(c.Source(), "loopback is for a namespace that linkd makes: it goes with create: true")
				}
			})
		}),
		spec.NewKey(exposeKey, "give the namespace the name /run/netns/NAME, so that `ip netns exec NAME` works", func(c *spec.Context, expose bool) {
			if s := c.Selector(); expose && (s.Scheme == "name" || s.Scheme == spec.Host) {
				c.Reject(c.Source(), "%s has no other name to be shown under: leave out expose", s)
			} else if expose {
				add(c, &Name{})
			}
		}),
	}
}

func add(c *spec.Context, n *Name) {
	n.Host, n.Name, n.Source = c.HostNamespace(), c.NS, c.Source()
	c.Add(n)
}

// Name is an entry of /run/netns.
type Name struct {
	// Host is the namespace of the entry: linkd's own.
	Host, Name string
	// Made: a namespace is mounted on the entry. Otherwise the entry is a symbolic link to Target.
	Made   bool
	Target string
	// loopbackDown: linkd leaves lo down when it makes the namespace.
	loopbackDown bool
	Source       spec.Source

	// identity is that of the mounted namespace; stray describes an entry that is neither a namespace nor a symbolic
	// link.
	identity observe.Identity
	stray    string
	// exposes: it is a symbolic link to where the namespace is found. inhabited: processes are in the mounted namespace. Only
	// a survey tells.
	exposes, inhabited bool
	// leads is the file that a symbolic link leads to, or should lead to.
	leads file
}

// file identifies a file, whatever its path; zero for none.
type file struct{ dev, inode uint64 }

func fileAt(path string) file {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return file{}
	}
	return file{st.Dev, st.Ino}
}

func (n *Name) ID() spec.ID { return spec.ID{NS: n.Host, Kind: "netns", Key: n.Name} }

func (n *Name) Needs() []spec.ID { return nil }

func (n *Name) Origin() spec.Source { return n.Source }

func (n *Name) Relations() spec.Relations {
	if !n.Made {
		return spec.Relations{}
	}
	return spec.Relations{Makes: n.Name}
}

func (n *Name) path() string { return filepath.Join(observe.NetnsDir, n.Name) }
