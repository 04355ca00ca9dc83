package port

import (
	"testing"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestAMasterThatIsItsOwnPort(t *testing.T) {
	_, errs := conform.Compile(language, `
namespaces: {lab: {}}
links:
  a: {netns: lab, name: a, master: b}
  b: {netns: lab, name: b, master: c}
  c: {netns: lab, name: c, master: a}
  d: {netns: lab, name: d, master: d}
  e: {netns: lab, name: e, master: "e/1"}
`)
	want := `a.yaml:4:36: a cycle: lab/port/a needs lab/port/b needs lab/port/c needs lab/port/a
a.yaml:7:36: a cycle: lab/port/d needs lab/port/d
a.yaml:8:36: interface name "e/1": '/' is not allowed`
	if errs != want {
		t.Errorf("got\n%s\nwant\n%s", errs, want)
	}
}

func TestWhatIsWrongWithAPort(t *testing.T) {
	for _, test := range []struct{ port, want string }{
		{"{hairpn: true}", `a.yaml:3:41: unknown key "hairpn"; did you mean "hairpin"?`},
		{"{hairpin: 1}", `a.yaml:3:50: expected true or false, found "1"`},
		{"{cost: 0}", "a.yaml:3:47: cost is 1 to 65535"},
		{"{cost: 65536}", "a.yaml:3:47: cost is 1 to 65535"},
		{"{priority: 64}", "a.yaml:3:51: priority is 0 to 63"},
		{"[]", "a.yaml:3:40: expected a mapping, found a list"},
		{"{vlans: {vid: 1}}", "a.yaml:3:48: expected a list, found a mapping"},
		{"{vlans: [10]}", `a.yaml:3:49: expected a mapping, found "10"`},
		{"{vlans: [{pvid: true}]}", `a.yaml:3:49: "vid" is missing`},
		{"{vlans: [{vid: 0}]}", "a.yaml:3:55: a VLAN is 1 to 4094, not 0"},
		{"{vlans: [{vid: 4095}]}", "a.yaml:3:55: a VLAN is 1 to 4094, not 4095"},
		{"{vlans: [{vid: 010}]}", `a.yaml:3:55: expected a VLAN, or a range of VLANs such as 10-20, found "010"`},
		{"{vlans: [{vid: [1]}]}", "a.yaml:3:55: expected a word, found a list"},
		{"{vlans: [{vid: 10-}]}", `a.yaml:3:55: expected a VLAN, or a range of VLANs such as 10-20, found "10-"`},
		{"{vlans: [{vid: 20-10}]}", "a.yaml:3:55: 20-10: a range begins with the lowest VLAN"},
		{"{vlans: [{vid: 1-5000}]}", "a.yaml:3:55: a VLAN is 1 to 4094, not 5000"},
		{"{vlans: [{vid: 10}, {vid: 10}]}", "a.yaml:3:66: VLAN 10 is here twice, first on line 3"},
		{"{vlans: [{vid: 15}, {vid: 10-20}]}", "a.yaml:3:66: VLAN 15 is here twice, first on line 3"},
		{"{vlans: [{vid: 10-20, pvid: true}]}", "a.yaml:3:55: frames without a tag are in one VLAN: pvid is not for a range"},
		{"{vlans: [{vid: 1, pvid: true}, {vid: 2, pvid: true}]}", "a.yaml:3:77: frames without a tag are in one VLAN, and that is 1 already (line 3)"},
	} {
		_, errs := conform.Compile(language, "namespaces: {lab: {}}\nlinks:\n  eth0: {netns: lab, name: eth0, port: "+test.port+"}")
		if errs != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.port, errs, test.want)
		}
	}
}

// typedLink is a link of a kind, as the files declare it.
type typedLink struct {
	id     spec.ID
	kind   string
	source spec.Source
}

func (l typedLink) ID() spec.ID               { return l.id }
func (l typedLink) Needs() []spec.ID          { return nil }
func (l typedLink) Origin() spec.Source       { return l.source }
func (l typedLink) Relations() spec.Relations { return spec.Relations{} }
func (l typedLink) LinkType() string          { return l.kind }

// typed is the language of the other tests, with a kind.
var typed = spec.Language{Link: spec.Link{Decode: func(c *spec.Context, id string, n *yaml.Node) {
	var own struct {
		Kind string `yaml:"kind"`
	}
	if nodes, ok := c.Fields(n, Keys(), &own); ok {
		c.Add(typedLink{spec.LinkID(spec.Host, id), own.Kind, c.Source()})
		c.On(spec.Host, id).DecodeKeys(Keys(), nodes)
	}
}}}

func TestOptionsAreABridges(t *testing.T) {
	for _, test := range []struct{ links, want string }{
		{"{eth0: {kind: existing, port: {hairpin: true}}}", ""},
		{"{eth0: {kind: existing, master: eth1, port: {hairpin: true}}}", ""},
		{"{eth0: {kind: veth, master: br0, port: {hairpin: true}}, br0: {kind: bridge}}", ""},
		{"{eth0: {kind: veth, master: br0, port: {hairpin: true}}, br0: {kind: existing}}", ""},
		{"{eth0: {kind: veth, master: blue, port: {hairpin: true}}, blue: {kind: vrf}}", "a.yaml:1:48: only the ports of a bridge have options and VLANs, and blue is a vrf (a.yaml:1)"},
		{"{eth0: {kind: veth, master: blue, port: {vlans: []}}, blue: {kind: vrf}}", "a.yaml:1:48: only the ports of a bridge have options and VLANs, and blue is a vrf (a.yaml:1)"},
		{"{eth0: {kind: veth, master: blue, port: {}}, blue: {kind: vrf}}", ""},
		{"{br0: {kind: bridge, master: blue, port: {vlans: [{vid: 1}]}}, blue: {kind: vrf}}", ""},
		{"{br0: {kind: bridge, port: {vlans: [], isolated: true}}}", "a.yaml:1:35: br0 is a bridge, and a bridge itself has only vlans: declare isolated at its ports"},
	} {
		if _, errs := conform.Compile(typed, "links: "+test.links); errs != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.links, errs, test.want)
		}
	}
}
