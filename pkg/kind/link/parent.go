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

// ParentRule says whether a type of link has a parent.
type ParentRule int

const (
	NoParent ParentRule = iota
	MayHaveParent
	NeedsParent
)

// parentRef is a parent in YAML: a name, or a namespace and a name.
type parentRef struct {
	NetNS spec.NSRef  `yaml:"netns" required:"true" doc:"the namespace of the parent"`
	Name  spec.IfName `yaml:"name" required:"true" doc:"the name of the parent in its namespace"`

	node *yaml.Node
}

// DecodeNode decodes either form.
func (p *parentRef) DecodeNode(c *spec.Context, n *yaml.Node) error {
	p.node = n
	if n.Kind == yaml.MappingNode {
		c.DecodeMapping(n, p)
		return nil
	}
	return p.Name.DecodeNode(c, n)
}

func (parentRef) Syntax() spec.Syntax { return spec.IfName("").Syntax() }

func (p parentRef) EncodeNode() *yaml.Node {
	if p.NetNS == "" {
		return spec.Word(string(p.Name))
	}
	return spec.EncodeMapping(p)
}

// resolveParent sets the parent of l after all links are decoded: a name alone means a link in l's own namespace, if the files
// declare one there, and in linkd's own namespace otherwise.
func (d *decoder) resolveParent(l *Link, ref parentRef) {
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

func (l *Link) hasParent() bool { return l.Parent != spec.ID{} }

func (l *Link) birthName() string {
	if !l.bornElsewhere() {
		return l.Name
	}
	sum := sha256.Sum256([]byte(l.ID().String()))
	return "linkd" + hex.EncodeToString(sum[:5])
}

// nameAndMark sets the name and the mark of a link that was created in another namespace, and sets it up.
func nameAndMark(ns *observe.NS, want *Link) error {
	ns.Forget()
	index, err := ns.Index(want.birthName())
	if err != nil {
		return err
	}
	// The kernel applies the flags of a request last (do_setlink in net/core/rtnetlink.c).
	err = set(ns, index, want.birthUp(), named(want.Name), want.mark())
	switch {
	case want.onDownParent(err) != nil:
		return want.parentIsDown()
	case err != nil:
		return errors.Join(err, deleteIndex(ns, index))
	}
	return nil
}

// onDownParent returns the link without up, if err says that the parent is down; nil otherwise. A vlan cannot be up while its
// parent is down (vlan_dev_open in net/8021q/vlan_dev.c).
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
