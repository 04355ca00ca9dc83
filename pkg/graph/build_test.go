package graph

import (
	"slices"
	"strings"
	"testing"

	"linkd/pkg/spec"
)

func TestNaturalOrder(t *testing.T) {
	want := strings.Fields("host 1 2 10 a a1 a01 a2b a10 a10b b c1x2 c1x10")
	have := slices.Clone(want)
	slices.Reverse(have)
	slices.SortFunc(have, compareNamespaces)
	if !slices.Equal(have, want) {
		t.Errorf("%q, want %q", have, want)
	}
}

// fakeResource is a resource that draws an address.
type fakeResource struct{ id spec.ID }

func (r fakeResource) ID() spec.ID               { return r.id }
func (r fakeResource) Needs() []spec.ID          { return nil }
func (r fakeResource) Origin() spec.Source       { return spec.Source{} }
func (r fakeResource) Relations() spec.Relations { return spec.Relations{} }
func (r fakeResource) Draw(p *Pen)               { p.Note("eth0", r.id.Key) }

func TestOnlyTheFirstAddressesAreDrawn(t *testing.T) {
	s := NewBuilder(func(string) {})
	s.Declare(spec.Namespace{Name: spec.Host, Selector: spec.Selector{Scheme: spec.Host}}, true)
	var all []spec.Resource
	for _, key := range strings.Fields("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9") {
		all = append(all, fakeResource{spec.ID{NS: spec.Host, Kind: "toy", Key: key}})
	}
	s.AddFound(all)
	p := s.Picture()
	card := p.Namespaces[0].Interfaces[0]
	if len(card.Notes) != 9 {
		t.Errorf("%d addresses in the picture, want all 9", len(card.Notes))
	}
	want := strings.Fields("10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 and-2-more")
	if have := card.lines(); !slices.Equal(have, strings.Split(strings.ReplaceAll(strings.Join(want, ","), "-", " "), ",")) {
		t.Errorf("drawn %q", have)
	}
}

// declared is a declared resource that draws an interface, and adds an entry to the namespace.
type declared struct {
	fakeResource
	line int
}

func (r declared) Origin() spec.Source { return spec.Source{File: "a.yaml", Line: r.line} }
func (r declared) Draw(p *Pen)         { p.Interface("veth") }
func (r declared) Annotate(p *Pen)     { p.Entry(r.Origin(), "entry "+r.id.Key) }

// A picture has the order of the files. What no file declares comes last.
func TestTheOrderIsThatOfTheFiles(t *testing.T) {
	desired := &spec.Desired{Namespaces: map[string]spec.Namespace{}, Resources: &spec.Set{}}
	for line, name := range []string{"zebra", "host", "apple", "mango"} {
		scheme := spec.Selector{Scheme: "name", Value: name}
		if name == spec.Host {
			scheme = spec.Selector{Scheme: spec.Host}
		}
		desired.Namespaces[name] = spec.Namespace{Name: name, Selector: scheme, Source: spec.Source{File: "a.yaml", Line: line + 1}}
	}
	s := NewBuilder(func(string) {})
	s.AddDesired(desired)
	s.draw([]spec.Resource{
		declared{fakeResource{spec.ID{NS: "apple", Kind: "link", Key: "eth0"}}, 12},
		declared{fakeResource{spec.ID{NS: "apple", Kind: "link", Key: "eth1"}}, 11},
		declared{fakeResource{spec.ID{NS: "apple", Kind: "link", Key: "eth9"}}, 7},
	}, false)
	s.AddFound([]spec.Resource{fakeResource{spec.ID{NS: "apple", Kind: "toy", Key: "10.0.0.1"}}, fakeResource{spec.ID{NS: "banana", Kind: "toy", Key: "10.0.0.1"}}})
	var have []string
	for _, ns := range s.Picture().Namespaces {
		have = append(have, ns.Name)
		for _, n := range ns.Notes {
			have = append(have, n.Text)
		}
		for _, i := range ns.Interfaces {
			have = append(have, i.Name)
		}
	}
	want := []string{"zebra", "apple", "entry eth9", "entry eth1", "entry eth0", "eth9", "eth1", "eth0", "mango", "banana", "eth0"}
	if !slices.Equal(have, want) {
		t.Errorf("%q, want %q", have, want)
	}
}
