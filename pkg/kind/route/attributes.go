package route

import (
	"cmp"
	"encoding/json"
	"net/netip"

	"linkd/pkg/kind/address"
)

// attributes are what a file can leave open of a route.
type attributes struct {
	Src    *netip.Addr    `json:"src,omitempty"`
	Scope  *address.Scope `json:"scope,omitempty"`
	OnLink *bool          `json:"onlink,omitempty"`
	Pref   *Pref          `json:"pref,omitempty"`
	Metrics
}

func (r *Route) attributes() attributes {
	return attributes{Src: r.Src, Scope: r.Scope, OnLink: r.OnLink, Pref: r.Pref, Metrics: r.Metrics}
}

// Before returns the attributes that the files set of the desired route, with the values of have, or those of a route without them.
func (kind) Before(want, have *Route) (string, bool) {
	managed := want.attributes()
	if managed == (attributes{}) {
		return "", false
	}
	there := attributes{Scope: want.usualScope()}
	if have != nil {
		there = have.attributes()
	}
	replaceManaged(&managed.Src, there.Src)
	replaceManaged(&managed.Scope, there.Scope)
	replaceManaged(&managed.OnLink, there.OnLink)
	replaceManaged(&managed.Pref, there.Pref)
	for _, m := range metrics {
		replaceManaged(m.of(&managed.Metrics), *m.of(&there.Metrics))
	}
	// JSON has a form for all of these values.
	text, _ := json.Marshal(managed)
	return string(text), false
}

// replaceManaged replaces an attribute, if it is managed, by that of another route, or by the zero value if that has none.
func replaceManaged[T any](managed **T, there *T) {
	if *managed != nil {
		value := valueOf(there)
		*managed = &value
	}
}

// usualScope returns the scope that the route has if the files set none.
func (r *Route) usualScope() *address.Scope {
	open := *r
	open.Scope = nil
	scope := address.Scope(scopeOf(&open))
	return &scope
}

// Prior returns a route with the attributes in before, and without others.
func (kind) Prior(have *Route, before string) *Route {
	var a attributes
	_ = json.Unmarshal([]byte(before), &a)
	return &Route{NS: have.NS, To: have.To, Src: a.Src, Scope: a.Scope, OnLink: a.OnLink, Pref: a.Pref, Metrics: a.Metrics, partial: true}
}

// Fill returns the desired route, with the attributes of prior that the files do not set.
func (kind) Fill(want, prior *Route) *Route {
	full := *want
	full.Src = cmp.Or(want.Src, prior.Src)
	full.OnLink, full.Pref = cmp.Or(want.OnLink, prior.OnLink), cmp.Or(want.Pref, prior.Pref)
	if want.Scope == nil && prior.Scope != nil {
		// It depends on the gateway, which may be another one now.
		full.Scope = want.usualScope()
	}
	full.Metrics = want.Metrics.or(prior.Metrics)
	full.restores = true
	return &full
}

func (r *Route) hasSource() bool { return r.Src != nil && r.Src.IsValid() }
