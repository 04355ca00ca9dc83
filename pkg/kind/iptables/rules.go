package iptables

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// verbatim is an entry of rules: arguments of iptables, for what the other keys cannot express.
type verbatim struct {
	Table  string     `yaml:"table" oneof:"filter nat mangle raw security" default:"filter" doc:"the table of the chain"`
	Chain  chainRef   `yaml:"chain" required:"true" doc:"the built-in chain from which the rule is reached"`
	Args   []argument `yaml:"args" also:"rule spec match" required:"true" doc:"the arguments of the rule, as for iptables(8)"`
	Source spec.Source
}

// rulesKey is the key in the marks of these rules.
const rulesKey = "rules"

// chainRef is a chain and its place in the files.
type chainRef struct {
	name string
	src  spec.Source
}

// DecodeNode decodes the name of a chain.
func (r *chainRef) DecodeNode(c *spec.Context, n *yaml.Node) error {
	r.src = c.At(n).Source()
	if !c.Decode(n, &r.name) {
		return nil
	}
	if r.name == dockerUser {
		return fmt.Errorf("write FORWARD: where Docker has made %s, linkd's rules for FORWARD are reached from there", dockerUser)
	}
	return spec.OneOf("chain", r.name, hooks["mangle"]...)
}

func (chainRef) Syntax() spec.Syntax {
	return spec.Syntax{Name: "chain", Doc: "A built-in chain of the table. Not every table has all of them.", Words: hooks["mangle"]}
}

// hooks has the built-in chains of each table; mangle has all of them.
var hooks = map[string][]string{
	"filter":   {"INPUT", "FORWARD", "OUTPUT"},
	"nat":      {"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"},
	"mangle":   {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"},
	"raw":      {"PREROUTING", "OUTPUT"},
	"security": {"INPUT", "FORWARD", "OUTPUT"},
}

func (v verbatim) compile(c *spec.Context, f family, chains chains) {
	table := v.Table
	if table == "" {
		table = filter
	}
	if !slices.Contains(hooks[table], v.Chain.name) {
		c.Reject(v.Chain.src, "the table %s has no chain %s; it has %s", table, v.Chain.name, strings.Join(hooks[table], ", "))
		return
	}
	if len(v.Args) == 0 {
		c.Reject(v.Source, "a rule of no words would match everything and do nothing")
		return
	}
	words := make([]string, len(v.Args))
	for i, a := range v.Args {
		words[i] = a.text
	}
	ok := v.checkValues(c, f)
	r := newRule(f.path(c, rulesKey), words...).from(v.Source)
	r.Verbatim = true
	if length := len(r.String()); length > longestRule {
		c.Reject(v.Source, "the rule has %d bytes; iptables-restore takes %d", length, longestRule)
		ok = false
	}
	if len(words) > mostWords {
		c.Reject(v.Source, "the rule has %d words; iptables-restore takes %d", len(words), mostWords)
		ok = false
	}
	if ok {
		chains.add(table, v.Chain.name, r)
	}
}

// iptables-restore has limits: 10240 bytes for a line, after which it would take the rest for another command, 1024 bytes for an
// argument, and 255 arguments (iptables/iptables-restore.c, xshared.h). The chain and linkd's mark need some of that.
const (
	longestRule = 9 << 10
	longestWord = 1023
	mostWords   = 240
)

// checkValues checks the values of options.
func (v verbatim) checkValues(c *spec.Context, f family) (ok bool) {
	ok = true
	before := ""
	for _, a := range v.Args {
		err := checkValue(f, before, a.text)
		if err == nil {
			err = checkPlace(before, a.text)
		}
		if err != nil {
			c.Reject(a.src, "%v", err)
			ok = false
		}
		before = a.text
	}
	if last := v.Args[len(v.Args)-1]; len(last.text) == 2 && last.text[0] == '-' && last.text != "-f" {
		c.Reject(last.src, "%s is without its value", last.text)
		ok = false
	}
	return ok
}
