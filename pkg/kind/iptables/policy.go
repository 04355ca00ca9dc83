package iptables

import (
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// filter is the table whose chains have policies that are worth a word; a policy of any other table would drop packets
// where nobody looks for it.
const filter = "filter"

// nat is the table whose rules translate addresses.
const nat = "nat"

// Policy is what becomes of a packet that no rule of a built-in chain of the filter table has decided on.
type Policy struct {
	NS, Family, Chain string
	// Target is ACCEPT or DROP. It is "" where it is not known.
	Target string
	Source spec.Source
	// rules are linkd's chains of the table that the files declare.
	rules []spec.ID

	// In is where it was found.
	In backends
}

const policyPrefix = "policy/"

// ID implements spec.Resource.
func (p *Policy) ID() spec.ID {
	return spec.ID{NS: p.NS, Kind: p.Family, Key: policyPrefix + p.Chain}
}

// Needs implements spec.Resource. A policy is set when the rules are in force that go with it: DROP without the rule that
// accepts an administrator's connection would lock that out.
func (p *Policy) Needs() []spec.ID { return p.rules }

// Relations implements spec.Resource.
func (p *Policy) Relations() spec.Relations { return spec.Relations{} }

// Origin implements spec.Resource.
func (p *Policy) Origin() spec.Source { return p.Source }

func (p *Policy) table() string { return filter }

// announced implements Resource.
func (p *Policy) announced() bool { return p.In.announced() }

// remark implements Resource.
func (p *Policy) remark(have Resource) string {
	return strings.Join(have.(*Policy).In.remarks(), "; ")
}

type policies struct {
	Input   *target `yaml:"INPUT" doc:"of what is sent to the namespace itself"`
	Forward *target `yaml:"FORWARD" doc:"of what goes through it"`
	Output  *target `yaml:"OUTPUT" doc:"of what is sent by it"`
}

type target struct {
	word string
	src  spec.Source
}

// DecodeNode implements spec.NodeDecoder.
func (t *target) DecodeNode(c *spec.Context, n *yaml.Node) error {
	t.src = c.At(n).Source()
	if !c.Decode(n, &t.word) {
		return nil
	}
	return spec.OneOf("policy", t.word, targetWords...)
}

var targetWords = []string{"ACCEPT", "DROP"}

// Syntax implements spec.Described.
func (target) Syntax() spec.Syntax { return spec.Syntax{Name: "policy", Words: targetWords} }

// String is the target as DecodeNode reads it.
func (t target) String() string { return t.word }

func (p *policies) set(chain, word string) {
	for name, field := range map[string]**target{"INPUT": &p.Input, "FORWARD": &p.Forward, "OUTPUT": &p.Output} {
		if name == chain {
			*field = &target{word: word}
		}
	}
}

// declare declares the policies, with linkd's chains that the files declare of the table.
func (p policies) declare(c *spec.Context, f family, rules []spec.ID) {
	for _, chain := range []struct {
		name string
		*target
	}{{"INPUT", p.Input}, {"FORWARD", p.Forward}, {"OUTPUT", p.Output}} {
		if chain.target != nil {
			c.Add(&Policy{NS: c.NS, Family: f.name, Chain: chain.name, Target: chain.word, Source: chain.src, rules: rules})
		}
	}
}
