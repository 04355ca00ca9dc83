package spec

import (
	"fmt"
	"net/netip"

	"gopkg.in/yaml.v3"
)

// Language is the set of keys of a namespace and of a link, as the kinds declare them.
type Language struct {
	Namespace []Key
	Link      Link
	// Instances returns the containers that a template stands for now; nil if nobody asks.
	Instances func(template Selector) ([]Instance, error)
	// Pools returns which ends have which addresses of pools; nil stands for none. Compile does not change the result.
	Pools func() *PoolState
	// Lease returns what a DHCP server gave to a client, or why there is no lease; nil if nobody asks servers.
	Lease func(LeaseClient) (lease *Lease, lacks string)
	// Node returns the machine for which files are compiled, or nil if it is in no fleet; nil stands for that, too.
	Node func() *Node
	// Members returns the addresses of the other nodes of the fleet that have a link with this ID and of the same kind and address family;
	// nil if nobody asks.
	Members func(link string, own MemberEnd) []netip.Addr
	// HostHas reports whether linkd's own namespace has an interface now; nil if nobody looks. Only warnings depend on it.
	HostHas func(name string) bool
	// Samples: each template stands for one example container, about which nothing is known.
	Samples bool
}

// Link describes the entries of links. Decode reads one entry, and Kinds describes what it reads. End are the keys of
// each end, which Decode passes to the kinds that declared them.
type Link struct {
	Kinds  []LinkKind
	End    []Key
	Decode func(c *Context, id string, n *yaml.Node)
}

// LinkKind describes the entry of one kind of link. One of its keys is kind, with Name as its value.
type LinkKind struct {
	Name, Doc string
	Mapping
}

// Mapping describes one mapping of a file: the keys that structs declare by their tags, those that kinds declare, and
// those of other mappings.
type Mapping struct {
	// Name is the name of the mapping in the reference: end, link.veth.
	Name    string
	Structs []any
	Keys    []Key
	With    []Mapping
}

// Key is one YAML key that a kind declares: its name, its meaning, and a function that makes resources of its value.
type Key struct {
	Name, Doc string
	// Required: the key is mandatory.
	Required bool
	// Also are the words that other tools have for the key, for a hint to who writes one of them: WORD, or WORD=TEXT where
	// the hint has to say more than the key.
	Also []string
	// Type is a value of the Go type that is decoded, for the reference and the schema. A Mapping stands for a struct
	// with its keys, also as the element of another type, and a list of LinkKind for any of these.
	Type   any
	Decode func(c *Context, n *yaml.Node)
}

// Document returns the mapping of one document of a file.
func (lang Language) Document() Mapping {
	return Mapping{
		Name:    "document",
		Structs: []any{document{}},
		Keys: []Key{
			{
				Name: "namespaces", Doc: "network namespaces, each under a name of your choice",
				Type: map[string]Mapping{"": {Name: "namespace", Structs: []any{namespace{}}, Keys: lang.Namespace}},
				Also: []string{"netns", "namespace", "containers"},
			},
			{
				Name: "links", Doc: "links, each under its ID, which is unique over all files",
				Type: map[string][]LinkKind{"": lang.Link.Kinds},
				Also: otherSections,
			},
			{
				Name: "probes", Doc: "packets that linkd sends to find out whether they arrive, each under a name of your choice",
				Type: map[string]Mapping{"": {Name: "probe", Structs: []any{probeKeys{}}}},
			},
			{
				Name: "pools", Doc: "ranges from which linkd allocates an address to each end with {pool: NAME}, each under a name of your choice",
				Type: map[string]Mapping{"": {Name: "pool", Structs: []any{poolKeys{}}}},
				Also: []string{"pool"},
			},
		},
	}
}

// otherSections are the sections in which netplan, nmstate, ifstate and containerlab have their links.
var otherSections = []string{
	"interfaces", "link", "network=links, without the level above it", "topology=links, without the level above it",
	"ethernets=links: {ID: {kind: existing}}", "wifis=links: {ID: {kind: existing}}", "bridges=links: {ID: {kind: bridge}}",
	"vlans=links: {ID: {kind: vlan}}", "vrfs=links: {ID: {kind: vrf}}", "dummy-devices=links: {ID: {kind: dummy}}",
	"virtual-ethernets=links: {ID: {kind: veth}}", "tunnels=links: {ID: {kind: vxlan}}",
}

// document are the keys of a document that are decoded at once; the values of the others need all files.
type document struct {
	Version version `yaml:"version" default:"1" doc:"the version of the language"`
	// Nodes is decoded before (forNode).
	Nodes *NodeSelector `yaml:"nodes" absent:"all" doc:"the nodes of a fleet that the document is for"`
}

type version int

func (v *version) DecodeNode(c *Context, n *yaml.Node) error {
	if c.Decode(n, (*int)(v)) && *v != 1 {
		return fmt.Errorf("version %d is not known; 1 is the only version", *v)
	}
	return nil
}

func (version) Syntax() Syntax { return Syntax{Name: "version", Min: 1, Max: 1} }

// namespace are the keys of a namespace that no kind declares.
type namespace struct {
	Repeated
	From selectorText `yaml:"from" also:"selector netns container" absent:"name:NAME with the namespace's own name" doc:"the selector: how linkd finds the namespace"`
	User UserName     `yaml:"user" absent:"root" doc:"the user who runs the process, only with \x60from: process:...\x60; linkd ignores processes of all other users"`
}

// Called returns the key with the words that other tools have for it.
func (k Key) Called(also ...string) Key {
	k.Also = also
	return k
}

// NewKey returns a key whose value has the type T. resources is called with the decoded value.
func NewKey[T any](name, doc string, resources func(c *Context, value T)) Key {
	var zero T
	return Key{Name: name, Doc: doc, Type: zero, Decode: func(c *Context, n *yaml.Node) {
		var value T
		if here := c.At(n); here.Decode(n, &value) {
			resources(here, value)
		}
	}}
}
