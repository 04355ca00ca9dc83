package iptables

import "slices"

// pair finds the rules that stay: for each wanted rule the index of the found one that is the same, or -1. Both lists
// have what stays in the same order, so that the rest can be taken out and put in around it. It is as much as can stay
// (a longest increasing subsequence), unless the same rule is wanted more than once.
func pair(want, have []Rule) []int {
	kept := alike(want, have)
	// tails[n] is the wanted rule that ends the best sequence of n+1 rules so far, and before[i] the one before i in its.
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

// alike finds for each wanted rule a found one that is the same, wherever it stands, or -1.
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

// gap is what differs between two rules that stay, or at an end.
type gap struct {
	// at is how many wanted rules come before it; last tells that none that stays follows.
	at   int
	last bool
	// want are the indexes of the wanted rules that are not there, and have of the found ones that are not wanted.
	want, have []int
}

// gaps are what has to be done to a list of rules of that length, of which kept stay.
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
