package link

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// ParentRule tells whether a kind of link stands on another.
type ParentRule int

// The rules.
const (
	NoParent ParentRule = iota
	MayHaveParent
	NeedsParent
)

// parentRef is a parent as it is written: a name alone, or with its namespace.
type parentRef struct {
	NetNS spec.NSRef  `yaml:"netns" required:"true" doc:"the namespace of the parent"`
	Name  spec.IfName `yaml:"name" required:"true" doc:"the name of the parent there"`

	node *yaml.Node
}

// DecodeNode implements spec.NodeDecoder.
func (p *parentRef) DecodeNode(c *spec.Context, n *yaml.Node) error {
	p.node = n
	if n.Kind == yaml.MappingNode {
		c.DecodeMapping(n, p)
		return nil
	}
	return p.Name.DecodeNode(c, n)
}

// Syntax implements spec.Described.
func (parentRef) Syntax() spec.Syntax { return spec.IfName("").Syntax() }

// EncodeNode implements spec.NodeEncoder.
func (p parentRef) EncodeNode() *yaml.Node {
	if p.NetNS == "" {
		return spec.Word(string(p.Name))
	}
	return spec.EncodeMapping(p)
}

// stand finds the parent of l. That waits until all links are known: a name alone is that of a link in l's own
// namespace, if there is one.
func (d *decoder) stand(l *Link, ref parentRef) {
	if ref.Name == "" {
		return
	}
	c := d.c.At(ref.node)
	bare := ref.NetNS == ""
	if bare {
		ref.NetNS = spec.NSRef(c.HostNamespace())
	}
	l.Parent = spec.LinkID(string(ref.NetNS), string(ref.Name))
	c.Later(func() {
		own := spec.LinkID(l.NS, l.Parent.Key)
		switch {
		case !bare || own == l.ID() || own == l.Parent || c.Declared(own) == nil:
		case c.Declared(l.Parent) != nil:
			c.Errorf(ref.node, "parent %s is a link in %s, and in %s too: say which with {netns, name}", ref.Name, l.NS, spec.Host)
		default:
			l.Parent = own
		}
		c.WarnUndeclared(ref.node, l.Parent, "parent")
	})
}

// onParent finds the parent right before it is used. The request has to be sent where the parent is: it finds the
// parent's index there, and puts the link where it is wanted.
func (l *Link) onParent(ns *observe.NS) (there *observe.NS, index int, err error) {
	if !l.hasParent() {
		return ns, 0, nil
	}
	if there, err = ns.Other(l.Parent.NS); err != nil {
		return nil, 0, err
	}
	index, err = there.Index(l.Parent.Key)
	if errors.Is(err, unix.ENODEV) {
		err = observe.Pendingf("its parent %s is not there", end(l.Parent))
	}
	return there, index, err
}

// bornElsewhere: the parent is in another namespace, so the kernel looks there whether the link's name is free, and
// before 6.15 makes it there and moves it, though only in the link's own namespace it has to be. Until it is here, it
// has a name that nobody else has.
func (l *Link) bornElsewhere() bool { return l.hasParent() && l.Parent.NS != l.NS }

func (l *Link) hasParent() bool { return l.Parent != spec.ID{} }

func (l *Link) birthName() string {
	if !l.bornElsewhere() {
		return l.Name
	}
	sum := sha256.Sum256([]byte(l.ID().String()))
	return "linkd" + hex.EncodeToString(sum[:5])
}

// nameAndMark gives what was born elsewhere its name and its mark, and brings it up.
func nameAndMark(ns *observe.NS, want *Link) error {
	ns.Forget()
	index, err := ns.Index(want.birthName())
	if err != nil {
		return err
	}
	// Of one request, the flags come last (do_setlink in net/core/rtnetlink.c).
	err = set(ns, index, want.birthUp(), named(want.Name), want.mark())
	switch {
	case want.onDownParent(err) != nil:
		return want.parentIsDown()
	case err != nil:
		return errors.Join(err, deleteIndex(ns, index))
	}
	return nil
}

// onDownParent is what can be had where the parent is down, which err tells: a vlan cannot be up while its parent is
// not (vlan_dev_open in net/8021q/vlan_dev.c).
func (l *Link) onDownParent(err error) *Link {
	if !l.hasParent() || !errors.Is(err, unix.ENETDOWN) {
		return nil
	}
	down := *l
	down.Up = nil
	return &down
}

func (l *Link) parentIsDown() error {
	return observe.Pendingf("its parent %s is down", end(l.Parent))
}
