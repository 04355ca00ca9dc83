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
