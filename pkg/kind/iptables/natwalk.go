package iptables

import "slices"

// natEffect is what a rule of a table nat does with a packet that matches it.
type natEffect int

const (
	// natContinues: the packet goes on to the next rule.
	natContinues natEffect = iota
	natReturns
	// natEnds: the packet leaves the base chain unchanged.
	natEnds
	// natTranslates: the packet gets another destination.
	natTranslates
	natJumps
	natGoes
	// natUnknown: linkd cannot tell.
	natUnknown
)

// natRule is a foreign rule in a chain that translates destinations.
type natRule interface {
	// narrow returns the packets that match the rule. sure is false if the rule has conditions that linkd does not know.
	narrow(arriving) (some arriving, sure bool)
	// effect returns what the rule does, the chain to which it leads, and the new destination if linkd knows it.
	effect() (does natEffect, next, to string)
	// named describes the rule.
	named(chain string) string
}

// capture is a foreign rule that captures packets for a published port.
type capture struct {
	arriving
	// by describes the rule, and to is its destination, ADDRESS:PORT; "" if there is none, or linkd does not know it.
	by, to string
}

// natWalk follows packets through the chains of a table with foreign rules.
type natWalk struct {
	// chain returns the rules of a chain; known is false if there is no such chain.
	chain func(name string) (rules []natRule, known bool)
	// final: packets that leave the base chain untranslated do not reach linkd's rule any more.
	final bool
	// steps is how many more rules the walk may follow.
	steps *int
	// lost: linkd cannot tell how the walk goes on.
	lost bool
}

// through follows packets through a chain to the first rule that certainly captures some of them; nil if there is none. ended: all
// packets leave the base chain.
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
			// Captured packets do not reach linkd's rule either.
		case natJumps, natGoes:
			by, all := w.through(next, some, depth+1)
			if by != nil && sure || w.lost {
				return by, false
			}
			// If only some packets may be in that chain, linkd cannot tell how many leave it again.
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
				// For a part of the packets, it is an intended exception.
				return &capture{some, r.named(chain), ""}, false
			}
			p = rest
		case natUnknown:
			w.lost = true
		}
	}
	return nil, false
}

// isAll reports whether the rule captures all of the packets.
func (c *capture) isAll(p arriving) bool {
	rest, ok := p.without(c.arriving)
	return ok && rest.none()
}

// without returns p without some. If linkd cannot tell which these are, the walk is lost.
func (w *natWalk) without(p, some arriving) arriving {
	rest, ok := p.without(some)
	w.lost = w.lost || !ok
	return rest
}

// effect returns what the rule does.
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
		return natTranslates, "", r.value("--to-destination")
	case "REDIRECT", "NETMAP":
		return natTranslates, "", ""
	}
	if slices.Contains(r.Args, "-g") || slices.Contains(r.Args, "--goto") {
		return natGoes, target, ""
	}
	return natJumps, target, ""
}

// sameTarget reports whether two destinations, as iptables prints them, are the same for packets to a port.
func sameTarget(port uint16, a, b string) bool {
	first, ok := endOf(a, port)
	second, ok2 := endOf(b, port)
	return ok && ok2 && first == second
}
