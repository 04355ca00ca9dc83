package iptables

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/sysctl"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// foreign has the number of foreign rules in a table. Show cannot write them, because linkd would add them again.
type foreign struct {
	NS, Family, Table string
	// Rules is the number of rules, and Unreadable the reason why linkd does not know it.
	Rules      int
	Unreadable error
}

func (f *foreign) ID() spec.ID { return spec.ID{NS: f.NS, Kind: f.Family, Key: "foreign/" + f.Table} }

func (f *foreign) Needs() []spec.ID { return nil }

func (f *foreign) Origin() spec.Source { return spec.Source{} }

func (f *foreign) Relations() spec.Relations { return spec.Relations{} }

func (f *foreign) table() string          { return f.Table }
func (f *foreign) announced() bool        { return false }
func (f *foreign) remark(Resource) string { return "" }

// tableNames has the names of all tables (iptables(8)).
var tableNames = []string{filter, "nat", "mangle", "raw", "security"}

// survey returns the policies, linkd's chains, and the number of foreign rules, in all tables.
func (k kind) survey(ctx context.Context, ns *observe.NS) (found []Resource, err error) {
	if ns.IsPartial() {
		return nil, nil
	}
	subnets, err := address.Subnets(ns, k.inet)
	if err != nil {
		return nil, err
	}
	v, err := k.look(ctx, ns, subnets)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, nil
	case err != nil:
		// Show the rest nevertheless.
		return []Resource{&foreign{NS: ns.Name, Family: k.name, Unreadable: err}}, ctx.Err()
	}
	for _, name := range tableNames {
		t := v.table(name)
		if t.unreadable != nil {
			found = append(found, &foreign{NS: ns.Name, Family: k.name, Table: name, Unreadable: t.unreadable})
			continue
		}
		found = append(found, t.resources(ns.Name, k.family, v.around)...)
		if n := t.foreign(); n > 0 {
			found = append(found, &foreign{NS: ns.Name, Family: k.name, Table: name, Rules: n})
		}
	}
	return found, nil
}

// foreign counts the rules that are neither in linkd's chains nor jump to them.
func (t *table) foreign() (count int) {
	for chain, rules := range t.chains {
		for _, r := range rules {
			if !strings.HasPrefix(chain, ownPrefix) && !(r.Mark != "" && strings.HasPrefix(r.targets(), ownPrefix)) {
				count++
			}
		}
	}
	return count + t.dropped
}

// Show writes the observed rules as files would declare them: linkd's own as the keys from which they were compiled.
func (k kind) Show(doc *spec.Document, found []Resource, kept reconcile.JournalLookup) {
	var policies policies
	var own []*Chain
	said := false
	for _, r := range found {
		switch r := r.(type) {
		case *foreign:
			if r.Unreadable != nil {
				doc.Remark(r.NS, "", "not shown: what is in %s: %v", strings.TrimSpace(k.name+" "+r.Table), r.Unreadable)
			} else {
				doc.Remark(r.NS, "", "not shown: rules in the table %s of %s that linkd did not make: %d", r.Table, k.name, r.Rules)
			}
		case *Policy:
			if _, is := kept(r.ID()); is || r.Target != "ACCEPT" {
				policies.set(r.Chain, r.Target)
				said = true
			}
		case *Chain:
			own, said = append(own, r), true
		}
	}
	if !said {
		return
	}
	c, loopback := k.parseConfig(own)
	c.Policies = policies
	for _, chain := range k.misunderstood(c, loopback, own) {
		doc.Remark(chain.NS, "", "the chain %s in the table %s of %s is not quite what is made of this", chain.Name, chain.Table, k.name)
	}
	doc.Namespace(found[0].ID().NS).Set(k.name, c)
}

// misunderstood returns the chains that differ from those into which the config would compile.
func (k kind) misunderstood(c config, loopback bool, found []*Chain) (other []*Chain) {
	lang := spec.Language{Namespace: []spec.Key{sysctl.NamespaceKey(), k.key()}}
	doc := spec.NewDocument(lang)
	doc.Declare(spec.Namespace{Name: spec.Host, Selector: spec.Selector{Scheme: spec.Host}}, true)
	doc.Namespace(spec.Host).Set(k.name, c)
	if loopback {
		doc.Namespace(spec.Host).Set("sysctls", map[string]int{"net.ipv4.conf.all.route_localnet": 1})
	}
	text, err := doc.YAML()
	if err != nil {
		return found
	}
	desired, _ := spec.Compile(lang, []spec.File{{Text: text}})
	for _, chain := range found {
		id := chain.ID()
		id.NS = spec.Host
		want, is := desired.Resources.Get(id).(*Chain)
		if !is || !slices.EqualFunc(want.wanted(chain.Around), chain.Rules, sameSense) {
			other = append(other, chain)
		}
	}
	return other
}

// sameSense reports whether an observed rule is the desired one, wherever the files declare it. It compares a user's own arguments
// by their hash, because iptables may print them differently.
func sameSense(want, found Rule) bool {
	same := slices.Equal(want.Args, found.Args)
	return found.Mark != "" && (same || (want.Verbatim && want.hashInMark() == found.hashInMark()))
}
