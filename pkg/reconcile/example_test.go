package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Label is a resource: what a file asks for, and what is found. By is its mark: who made it.
type Label struct{ NS, Link, Text, By string }

func (l *Label) ID() spec.ID               { return spec.ID{NS: l.NS, Kind: "label", Key: l.Link} }
func (l *Label) Needs() []spec.ID          { return []spec.ID{spec.LinkID(l.NS, l.Link)} }
func (l *Label) Origin() spec.Source       { return spec.Source{} }
func (l *Label) Relations() spec.Relations { return spec.Relations{StandsOn: l.Needs()} }

// labels is the kind. Its map stands for the kernel.
type labels map[string]*Label

func (k labels) Observe(context.Context, *observe.NS, reconcile.Query[*Label]) ([]*Label, error) {
	return slices.Collect(maps.Values(k)), nil
}

func (labels) Owned(have *Label) bool { return have.By == "linkd" }

func (labels) Diff(want, have *Label) []reconcile.Field {
	var fs reconcile.Fields
	reconcile.Compare(&fs, "text", &want.Text, have.Text)
	return fs
}

func (k labels) Create(ctx context.Context, ns *observe.NS, want *Label) error {
	if have := k[want.Link]; have != nil && (!k.Owned(have) || len(k.Diff(want, have)) > 0) {
		return unix.EEXIST
	}
	return k.Update(ctx, ns, want, nil)
}

func (k labels) Update(_ context.Context, _ *observe.NS, want, _ *Label) error {
	k[want.Link] = &Label{want.NS, want.Link, want.Text, "linkd"}
	return nil
}

func (k labels) Delete(_ context.Context, _ *observe.NS, have *Label) error {
	delete(k, have.Link)
	return nil
}

// A whole kind: its resource, its methods, and its line in the list of kinds, which names all that it can do. The engine
// looks, compares and acts; here it is done by hand.
func ExampleKind() {
	kernel := labels{"eth1": {"host", "eth1", "spare", "somebody"}}
	kind := reconcile.Register[*Label]("label", kernel, reconcile.Capabilities[*Label]{
		Topics: []observe.Topic{observe.LinkTopic},
		Link:   func(l *Label) (name string, index int) { return l.Link, 0 },
	})
	ctx, want := context.Background(), &Label{NS: "host", Link: "eth0", Text: "to the office"}
	fmt.Println("create:", kind.Create(ctx, nil, want))
	found, _ := kind.ObserveAll(ctx, nil, nil)
	for _, have := range found {
		if kind.Owned(have) {
			fmt.Println(have.ID(), kind.Diff(&Label{Text: "to the lab"}, have))
		}
	}
	fmt.Println("create another's:", kind.Create(ctx, nil, &Label{NS: "host", Link: "eth1", Text: "spare"}))
	// Output:
	// create: <nil>
	// host/label/eth0 [text: to the office -> to the lab]
	// create another's: file exists
}
