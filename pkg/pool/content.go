package pool

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"linkd/pkg/spec"
)

// content is the file: the pools by name.
type content struct {
	Version int                    `json:"version"`
	Pools   map[string]poolContent `json:"pools"`
}

type poolContent struct {
	Held     []held `json:"held"`
	Returned []held `json:"returned,omitempty"`
}

type held struct {
	NS      string     `json:"netns"`
	Device  string     `json:"device"`
	Address netip.Addr `json:"address"`
	File    string     `json:"file,omitempty"`
}

func encode(state spec.PoolState) ([]byte, error) {
	c := content{Version: 1, Pools: map[string]poolContent{}}
	for end, has := range state.Held {
		p := c.Pools[end.Pool]
		p.Held = append(p.Held, held{end.NS, end.Device, has.Addr, has.File})
		c.Pools[end.Pool] = p
	}
	for _, r := range state.Returned {
		p := c.Pools[r.Pool]
		p.Returned = append(p.Returned, held{r.NS, r.Device, r.Addr, ""})
		c.Pools[r.Pool] = p
	}
	for _, p := range c.Pools {
		slices.SortFunc(p.Held, func(a, b held) int {
			return cmp.Or(cmp.Compare(a.NS, b.NS), cmp.Compare(a.Device, b.Device))
		})
	}
	text, err := json.MarshalIndent(c, "", " ")
	return append(text, '\n'), err
}

func decode(text []byte) (state spec.PoolState, err error) {
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return state, err
	}
	if c.Version != 1 {
		return state, fmt.Errorf("version %d is not known", c.Version)
	}
	state.Held = map[spec.PoolEnd]spec.Holding{}
	holder := map[netip.Addr]spec.PoolEnd{}
	for name, p := range c.Pools {
		for _, h := range p.Held {
			end := spec.PoolEnd{Pool: name, NS: h.NS, Device: h.Device}
			if other, twice := holder[h.Address]; twice {
				return state, fmt.Errorf("it gives %s to %s of %s and to %s of %s", h.Address, other.Device, other.NS, h.Device, h.NS)
			}
			if _, twice := state.Held[end]; twice {
				return state, fmt.Errorf("it gives %s of %s two addresses of the pool %q", h.Device, h.NS, name)
			}
			state.Held[end], holder[h.Address] = spec.Holding{Addr: h.Address, File: h.File}, end
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		for _, h := range c.Pools[name].Returned {
			state.Returned = append(state.Returned, spec.GivenAddress{PoolEnd: spec.PoolEnd{Pool: name, NS: h.NS, Device: h.Device}, Addr: h.Address})
		}
	}
	return state, nil
}
