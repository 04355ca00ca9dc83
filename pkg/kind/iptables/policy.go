package iptables

import (
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// filter is the table whose chains have policies in the files. A policy in another table would drop packets where no administrator
// expects it.
const filter = "filter"

// nat is the table whose rules translate addresses.
const nat = "nat"

// Policy is what happens to a packet about which no rule of a built-in chain of the filter table has decided.
type Policy struct {
	NS, Family, Chain string
	// Target is ACCEPT or DROP; "" if linkd does not know it.
	Target string
	Source spec.Source
	// rules has the declared chains of linkd's in the table.
	rules []spec.ID

	// In has the backends in which it was observed.
	In backends
}

const policyPrefix = "policy/"

func (p *Policy) ID() spec.ID {
	return spec.ID{NS: p.NS, Kind: p.Family, Key: policyPrefix + p.Chain}
}

// Needs returns the chains of the table. linkd sets a policy after it created the rules: DROP without the rule that accepts an
// administrator's connection would lock the administrator out.
func (p *Policy) Needs() []spec.ID { return p.rules }

func (p *Policy) Relations() spec.Relations { return spec.Relations{} }

func (p *Policy) Origin() spec.Source { return p.Source }

func (p *Policy) table() string { return filter }

// announced reports whether the kernel announces changes.
func (p *Policy) announced() bool { return p.In.announced() }

// remark returns what may make the policy ineffective.
func (p *Policy) remark(have Resource) string {
	return strings.Join(have.(*Policy).In.remarks(), "; ")
}

type policies struct {
	Input   *target `yaml:"INPUT" doc:"the policy for packets to the namespace itself"`
	Forward *target `yaml:"FORWARD" doc:"the policy for forwarded packets"`
	Output  *target `yaml:"OUTPUT" doc:"the policy for packets that the namespace sends"`
}

type target struct {
	word string
	src  spec.Source
}

// DecodeNode decodes ACCEPT or DROP.
func (t *target) DecodeNode(c *spec.Context, n *yaml.Node) error {
	t.src = c.At(n).Source()
	if !c.Decode(n, &t.word) {
		return nil
	}
	return spec.OneOf("policy", t.word, targetWords...)
}

var targetWords = []string{"ACCEPT", "DROP"}

func (target) Syntax() spec.Syntax { return spec.Syntax{Name: "policy", Words: targetWords} }

// String returns the target as DecodeNode reads it.
func (t target) String() string { return t.word }

func (p *policies) set(chain, word string) {
	for name, field := range map[string]**target{"INPUT": &p.Input, "FORWARD": &p.Forward, "OUTPUT": &p.Output} {
		if name == chain {
			*field = &target{word: word}
		}
	}
}

// declare declares the policies. rules has the declared chains of linkd's in the table.
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
