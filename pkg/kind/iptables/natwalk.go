package iptables

import (
	"net/netip"
	"slices"
)

// natEffect is what a rule of nat does with the packets that it is for.
type natEffect int

const (
	// natContinues: the packets go on to the next rule.
	natContinues natEffect = iota
	natReturns
	// natEnds: the packets leave the base chain as they are.
	natEnds
	// natTranslates: they get another destination.
	natTranslates
	natJumps
	natGoes
	// natUnknown: nobody knows.
	natUnknown
)

// natRule is a rule that somebody has in a chain that translates destinations.
type natRule interface {
	// narrow returns those of the packets that the rule is for. It is sure only if nothing else decides.
	narrow(arriving) (some arriving, sure bool)
	// effect is what the rule does; next is the chain that it leads to, and to the new destination, if that is known.
	effect() (does natEffect, next, to string)
	// named is the rule for people.
	named(chain string) string
}

// capture is what a rule of others' takes of the packets for a published port.
type capture struct {
	arriving
	// by is the rule, and to where it sends the packets on to: ADDRESS:PORT; "" if it does not send them on, or nobody knows.
	by, to string
}

// natWalk is the way of packets through the chains of a table with rules of others.
type natWalk struct {
	// chain returns the rules of a chain; known is false where the name is none of a chain.
	chain func(name string) (rules []natRule, known bool)
	// final: packets that leave the base chain untranslated do not come to linkd's rule any more.
	final bool
	// steps is how many more rules are followed.
	steps *int
	// lost: nobody knows how the walk goes on.
	lost bool
}

// through follows packets through a chain to the first rule that captures some of them for certain; nil where there is none.
// Ended: all of them leave the base chain.
func (w *natWalk) through(chain string, p arriving, depth int) (by *capture, ended bool) {
	returned := false
	rules, known := w.chain(chain)
	w.lost = w.lost || !known
	for _, r := range rules {
		if *w.steps--; *w.steps < 0 || depth > deepest {
			w.lost = true
		}
		if w.lost || p.none() {
			break
		}
		some, sure := r.narrow(p)
		does, next, to := r.effect()
		if some.none() || does == natContinues {
			continue
		}
		if does == natReturns && depth == 0 {
			does = natEnds
		}
		switch does {
		case natTranslates:
			if sure {
				return &capture{some, r.named(chain), to}, false
			}
			// Those that it takes, if any, do not come to linkd's rule either.
		case natJumps, natGoes:
			by, all := w.through(next, some, depth+1)
			if by != nil && sure || w.lost {
				return by, false
			}
			// Where some packets only may be in that chain, nobody knows how many of them come out of it.
			w.lost = !sure && (by != nil && !by.isAll(some) || all || does == natGoes)
			if all || does == natGoes {
				returned = returned || !all
				p = w.without(p, some)
			}
		case natReturns:
			w.lost = !sure
			returned = true
			p = w.without(p, some)
		case natEnds:
			rest := w.without(p, some)
			switch {
			case !sure || depth > 0 && (returned || !rest.none()):
				w.lost = true
			case depth > 0:
				return nil, true
			case w.final && rest.none():
				// For a part of them it is meant as an exception from what is published.
				return &capture{some, r.named(chain), ""}, false
			}
			p = rest
		case natUnknown:
			w.lost = true
		}
	}
	return nil, false
}

// isAll tells whether the rule takes all of the packets.
func (c *capture) isAll(p arriving) bool {
	rest, ok := p.without(c.arriving)
	return ok && rest.none()
}

// without is what is left of packets but for some. If that cannot be told, the walk is lost.
func (w *natWalk) without(p, some arriving) arriving {
	rest, ok := p.without(some)
	w.lost = w.lost || !ok
	return rest
}

// effect implements natRule.
func (r Rule) effect() (does natEffect, next, to string) {
	target := r.targets()
	switch target {
	case "", "LOG", "NFLOG", "MARK", "CONNMARK", "SET", "TRACE":
		return natContinues, "", ""
	case "ACCEPT":
		return natEnds, "", ""
	case "RETURN":
		return natReturns, "", ""
	case "DNAT":
		if at := slices.Index(r.Args, "--to-destination"); at >= 0 && at+1 < len(r.Args) {
			to = r.Args[at+1]
		}
		return natTranslates, "", to
	case "REDIRECT", "NETMAP":
		return natTranslates, "", ""
	}
	if slices.Contains(r.Args, "-g") || slices.Contains(r.Args, "--goto") {
		return natGoes, target, ""
	}
	return natJumps, target, ""
}

// sameTarget tells whether packets for a port go to the same place by two destinations as iptables writes them.
func sameTarget(port uint16, a, b string) bool {
	read := func(text string) (netip.AddrPort, bool) {
		if to, err := netip.ParseAddrPort(text); err == nil {
			return to, true
		}
		ip, err := netip.ParseAddr(text)
		return netip.AddrPortFrom(ip, port), err == nil
	}
	first, ok := read(a)
	second, ok2 := read(b)
	return ok && ok2 && first == second
}
