package iptables

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what happens to a packet.
type Verdict int

const (
	// Unsure: it depends on more than the interfaces of the packet.
	Unsure Verdict = iota
	Accepted
	Dropped
	// Translated: a rule of the table nat changes its source or destination.
	Translated
)

// verdict follows a packet that begins a connection through FORWARD, by its interfaces alone: in, and out, or "" for any interface
// other than in. by is what drops it.
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

// walk follows a packet through the chains.
type walk struct {
	*table
	// meets reports whether the packet matches a rule.
	meets func(Rule) answer
	// decisive is the rule that decided, in the chain decisiveIn. doubtful has rules that would decide if the packet matches them,
	// which linkd cannot tell.
	decisive   *Rule
	decisiveIn string
	doubtful   []string
	// mayAccept and mayDrop: a rule that the packet may have matched accepts or drops.
	mayAccept, mayDrop bool
	// steps is how many more rules the walk may follow; below 0, it was given up.
	steps int
}

// mostSteps is how many rules linkd follows for one answer, each for a microsecond at most. Chains that jump to each other twice
// lead a packet past the same rules millions of times.
const mostSteps = 100_000

// deepest is the largest depth of jumps: the kernel has no loops, but the rules may have changed while linkd read them.
const deepest = 16

// through returns the verdict of a chain; Unsure if the packet reaches its end.
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
			// Only a part of the packets reaches the rules that follow.
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

// mostDoubtful is how many doubtful rules linkd names.
const mostDoubtful = 3

// record notes a rule that decides, or may decide. It notes a jump to the deciding rule only if the packet may not match the jump.
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

// answer says whether a packet matches a rule.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// eachCondition calls visit for each condition of a rule: an option, its value, and whether it is negated. visit returns false for
// an unknown option. The options of the target, if that is one of targets, are not conditions.
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
		// An option without a value, or with several, leaves words that are not options, and are unknown.
		if visit(option, value, not) {
			i++
		}
		not = false
	}
}

// meetsAll calls condition for each condition of a rule, and returns whether the packet matches the rule. See eachCondition.
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

// meets reports whether the packet of a walk matches a rule. It may match an unknown condition.
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

// named reports whether a name matches the one in a rule, which may end with + for any characters (iptables(8)).
func named(pattern, name string) answer {
	if start, any := strings.CutSuffix(pattern, "+"); pattern == name || any && strings.HasPrefix(name, start) {
		return yes
	}
	return no
}
