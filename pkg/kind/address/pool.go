package address

import (
	"errors"
	"net/netip"

	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// poolName is the name of a pool, as a file refers to it.
type poolName struct {
	name string
	node *yaml.Node
}

// DecodeNode accepts any word: FromPool knows the pools.
func (p *poolName) DecodeNode(_ *spec.Context, n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return errors.New("expected the name of a pool, which the files declare under pools")
	}
	p.name, p.node = n.Value, n
	return nil
}

func (poolName) Syntax() spec.Syntax {
	return spec.Syntax{Name: "pool", Doc: "The name of an entry of `pools`.", Pattern: "^.+$"}
}

// EncodeNode encodes the name.
func (p poolName) EncodeNode() *yaml.Node { return spec.Word(p.name) }

// askPools asks for the addresses of pools in a list, and reserves the others. asked is false if the list has no address of a pool.
func askPools(c *spec.Context, entries []entry) (asked bool) {
	for i := range entries {
		e := &entries[i]
		if e.Pool == nil {
			c.Occupy(e.Address.Addr())
			if e.Peer != nil {
				c.Occupy(e.Peer.Addr())
			}
			continue
		}
		asked = true
		e.lacks = "the files declare no such pool"
		c.FromPool(e.Pool.node, func(p netip.Prefix, lacks string) {
			if e.lacks = lacks; lacks != "" {
				return
			}
			e.Address.Prefix = p
			for _, check := range []func(string) error{e.settleBroadcast, e.checkFamily, e.checkLabel} {
				if err := check(c.Device); err != nil {
					c.Reject(e.Source, "%s: %v", p.Addr(), err)
				}
			}
		})
	}
	return asked
}

// given returns the address, or why nobody has given it yet.
func given(_ reconcile.Located, want *Address) (*Address, error) {
	if want.of != "" {
		return want, observe.Pendingf("%s", want.missing)
	}
	return want, nil
}
