package neighbour

// IsProxy reports whether the interface answers for an address that somebody else has.
func (n *Neighbour) IsProxy() bool { return n.Proxy }
