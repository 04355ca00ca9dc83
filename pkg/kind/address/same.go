package address

// same reports whether two observed addresses are equal.
func same(a, b *Address) bool {
	return a.NS == b.NS && a.Dev == b.Dev && a.Prefix == b.Prefix && a.Proto == b.Proto && a.found == b.found && a.lifespan.equal(b.lifespan) && a.place.equal(b.place) &&
		equal(a.Peer, b.Peer) && equal(a.Label, b.Label) && equal(a.Scope, b.Scope) && equal(a.Broadcast, b.Broadcast) &&
		equal(a.NoDAD, b.NoDAD) && equal(a.NoPrefixRoute, b.NoPrefixRoute) && equal(a.Metric, b.Metric) &&
		equal(a.ValidLft, b.ValidLft) && equal(a.PreferredLft, b.PreferredLft)
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }
