package iptables

import "slices"

// pair returns, for each desired rule, the index of the equal observed rule that stays, or -1. The rules that stay have the same
// order in both lists, so that linkd can remove and insert the others around them. As many as possible stay (a longest increasing
// subsequence), unless a rule is desired more than once.
func pair(want, have []Rule) []int {
	kept := alike(want, have)
	// tails[n] is the desired rule that ends the best sequence of n+1 rules so far, and before[i] is the one before i in its
	// sequence.
	var tails []int
	before := make([]int, len(want))
	for i, at := range kept {
		if at < 0 {
			continue
		}
		n, _ := slices.BinarySearchFunc(tails, at, func(tail, at int) int { return kept[tail] - at })
		before[i] = -1
		if n > 0 {
			before[i] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, i)
		} else {
			tails[n] = i
		}
	}
	stays := make([]bool, len(want))
	if len(tails) > 0 {
		for i := tails[len(tails)-1]; i >= 0; i = before[i] {
			stays[i] = true
		}
	}
	for i := range kept {
		if !stays[i] {
			kept[i] = -1
		}
	}
	return kept
}

// alike returns, for each desired rule, the index of an equal observed rule in any position, or -1.
func alike(want, have []Rule) []int {
	byMark := map[string][]int{}
	for i, r := range have {
		if r.Mark != "" {
			byMark[r.Mark] = append(byMark[r.Mark], i)
		}
	}
	found := make([]int, len(want))
	for i, r := range want {
		found[i] = -1
		rest := byMark[r.Mark]
		if n := slices.IndexFunc(rest, func(at int) bool { return r.is(have[at]) }); n >= 0 {
			found[i] = rest[n]
			byMark[r.Mark] = slices.Delete(rest, n, n+1)
		}
	}
	return found
}

// gap is a difference between two rules that stay, or at an end.
type gap struct {
	// at is the number of desired rules before the gap; last says that no rule that stays follows.
	at   int
	last bool
	// want has the indexes of the missing desired rules, and have those of the surplus observed ones.
	want, have []int
}

// gaps returns the differences of a list with length observed rules, of which kept stay.
func gaps(kept []int, length int) (gaps []gap) {
	next := 0
	g := gap{}
	end := func(want, have int) {
		for ; next < have; next++ {
			g.have = append(g.have, next)
		}
		if g.at = want - len(g.want); len(g.want)+len(g.have) > 0 {
			gaps = append(gaps, g)
		}
		g, next = gap{}, have+1
	}
	for i, at := range kept {
		if at < 0 {
			g.want = append(g.want, i)
		} else {
			end(i, at)
		}
	}
	g.last = true
	end(len(kept), length)
	return gaps
}
