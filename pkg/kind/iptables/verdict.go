package iptables

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what becomes of a packet.
type Verdict int

const (
	// Unsure: it depends on more of the packet than the interfaces.
	Unsure Verdict = iota
	Accepted
	Dropped
	// Translated: a rule of the table nat gives it another source or destination.
	Translated
)

// verdict follows a packet that begins a connection through FORWARD, by the interfaces alone: in, and out, or "" for any other
// than in. By is what drops it.
func (t *table) verdict(in, out string) (verdict Verdict, by string) {
	w := walk{table: t, meets: func(r Rule) answer { return r.meets(in, out) }, steps: mostSteps}
	verdict, by = w.through("FORWARD", 0)
	if w.steps < 0 {
		return Unsure, ""
	}
	if verdict == Unsure {
		if verdict = Accepted; t.policy("FORWARD") == "DROP" {
			verdict, by = Dropped, policyDrops(t.hasDocker())
		}
	}
	if verdict == Accepted && w.mayDrop || verdict == Dropped && w.mayAccept {
		return Unsure, ""
	}
	return verdict, by
}

// walk is the way of a packet through the chains.
type walk struct {
	*table
	// meets tells whether a rule is for the packet.
	meets func(Rule) answer
	// decisive is the rule that decided, in the chain decisiveIn, and doubtful are rules that would decide if they are for
	// the packet, which nobody knows.
	decisive   *Rule
	decisiveIn string
	doubtful   []string
	// mayAccept and mayDrop: a rule that it has come by does so, maybe to it.
	mayAccept, mayDrop bool
	// steps is how many more rules are followed; below 0 the walk was given up.
	steps int
}

// mostSteps is how many rules linkd follows for one answer, of a microsecond each at most. Chains that jump to each other
// twice lead a packet past the same rules millions of times.
const mostSteps = 100_000

// deepest is how many jumps deep a walk goes: the kernel has no loops, but what was read may have changed meanwhile.
const deepest = 16

// through is what a chain decides; Unsure where a packet comes out of its end.
func (w *walk) through(chain string, depth int) (verdict Verdict, by string) {
	for _, r := range w.chains[chain] {
		if w.steps--; w.steps < 0 {
			return Unsure, ""
		}
		meets := w.meets(r)
		if meets == no {
			continue
		}
		does, why := Unsure, ""
		switch target := r.targets(); target {
		case "ACCEPT":
			does = Accepted
		case "DROP", "REJECT":
			does, why = Dropped, fmt.Sprintf("a rule in %s drops it: %s", chain, r.text())
		case "RETURN":
			if meets == yes {
				return Unsure, ""
			}
			// What stands behind it is for some packets only.
			w.mayAccept, w.mayDrop = true, true
		case "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP":
			does = Translated
		default:
			if _, there := w.chains[target]; there && depth < deepest {
				does, why = w.through(target, depth+1)
			}
		}
		w.record(r, chain, does, meets)
		switch {
		case does != Unsure && meets == yes:
			return does, why
		case does == Accepted:
			w.mayAccept = true
		case does == Dropped:
			w.mayDrop = true
		}
	}
	return Unsure, ""
}

// mostDoubtful is how many rules are named of those that may be for a packet.
const mostDoubtful = 3

// record notes a rule that decides, or would. One that jumps to the rule that decides is noted only if it may not be for the
// packet.
func (w *walk) record(r Rule, chain string, does Verdict, meets answer) {
	switch _, jumps := w.chains[r.targets()]; {
	case does == Unsure:
	case meets != yes:
		w.decisive = nil
		if len(w.doubtful) < mostDoubtful {
			w.doubtful = append(w.doubtful, chain+": "+r.text())
		}
	case !jumps:
		w.decisive, w.decisiveIn = &r, chain
	}
}

// answer is whether a rule is for a packet.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// eachCondition visits the conditions of a rule: an option, the word after it, and whether it is turned round. Visit returns
// false for an option of which it knows nothing. The options of the target, which comes with one of targets, are no conditions.
func (r Rule) eachCondition(visit func(option, value string, not bool) (known bool), targets ...string) {
	not := false
	for i := 0; i < len(r.Args); i++ {
		option, value := r.Args[i], ""
		if i+1 < len(r.Args) {
			value = r.Args[i+1]
		}
		if option == "!" {
			not = true
			continue
		}
		if slices.Contains(targets, option) {
			return
		}
		// An option without a value, or with several, leaves words that are no options, and that nobody knows either.
		if visit(option, value, not) {
			i++
		}
		not = false
	}
}

// meetsAll asks about each condition of a rule, and returns whether the rule is for a packet. See eachCondition.
func (r Rule) meetsAll(condition func(option, value string) (one answer, known bool), targets ...string) answer {
	result := yes
	r.eachCondition(func(option, value string, not bool) bool {
		one, known := condition(option, value)
		if !known {
			one = maybe
		} else if not && one != maybe {
			one = yes - one
		}
		result = min(result, one)
		return known
	}, targets...)
	return result
}

// meets tells whether a rule is for the packet of a walk. A match that is not known may be.
func (r Rule) meets(in, out string) answer {
	return r.meetsAll(func(option, value string) (one answer, known bool) {
		switch option {
		case "-m":
			if !slices.Contains([]string{"comment", "conntrack", "state"}, value) {
				return maybe, true
			}
		case "--comment":
		case "-i":
			return named(value, in), true
		case "-o":
			switch {
			case out != "":
				return named(value, out), true
			case named(value, in) == yes && !strings.HasSuffix(value, "+"):
				return no, true
			}
			return maybe, true
		case "--ctstate", "--state":
			return meetsIf(slices.Contains(strings.Split(value, ","), "NEW")), true
		default:
			return maybe, false
		}
		return yes, true
	}, "-j", "-g")
}

// named tells whether a name is what a rule asks for; + at the end of that stands for anything (iptables(8)).
func named(pattern, name string) answer {
	if start, any := strings.CutSuffix(pattern, "+"); pattern == name || any && strings.HasPrefix(name, start) {
		return yes
	}
	return no
}
