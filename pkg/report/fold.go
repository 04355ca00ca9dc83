package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"linkd/pkg/reconcile"
)

// leastFolded is how many resources are listed one by one at most: fewer are shorter so.
const leastFolded = 3

// item is one entry of a list of resources: one resource, or several with names that count up.
type item struct {
	text   string
	first  string // the ID of the first resource, by which the items are sorted
	source string // of the first resource
	same   bool   // all have that source
}

func (i item) String() string {
	if i.source == "" {
		return i.text
	}
	if !i.same {
		return i.text + "  " + i.source + " …"
	}
	return i.text + "  " + i.source
}

// place is what the resources of a folded item have in common.
type place struct{ netns, kind, key string }

// fold lists resources. Those of at least leastFolded namespaces whose names count up are one item, "web1 … web12/link/eth0
// (12)", and so are those with keys that count up, "host/link/v1 … v6 (6)". If both differ, as with addresses, the item leaves
// out the keys: "web1 … web12/address (12)".
func fold(resources []reconcile.ResourceStatus) (items []item) {
	byNetNS := func(r reconcile.ResourceStatus) string { return r.NetNS }
	rest, folded := foldBy(resources, func(r reconcile.ResourceStatus) place { return place{"", r.Kind, r.Key} }, byNetNS,
		func(p place, names string) string { return names + "/" + p.kind + "/" + p.key })
	items = append(items, folded...)
	rest, folded = foldBy(rest, func(r reconcile.ResourceStatus) place { return place{r.NetNS, r.Kind, ""} },
		func(r reconcile.ResourceStatus) string { return r.Key },
		func(p place, names string) string { return p.netns + "/" + p.kind + "/" + names })
	items = append(items, folded...)
	rest, folded = foldBy(rest, func(r reconcile.ResourceStatus) place { return place{"", r.Kind, ""} }, byNetNS,
		func(p place, names string) string { return names + "/" + p.kind })
	items = append(items, folded...)
	for _, r := range rest {
		items = append(items, item{text: r.ID, first: r.ID, source: r.Source, same: true})
	}
	slices.SortStableFunc(items, func(a, b item) int { return natural(a.first, b.first) })
	return items
}

// foldBy folds the resources with the same place whose names count up, and returns the others as they were.
func foldBy(resources []reconcile.ResourceStatus, at func(reconcile.ResourceStatus) place, name func(reconcile.ResourceStatus) string,
	write func(p place, names string) string) (rest []reconcile.ResourceStatus, items []item) {
	groups := map[place][]reconcile.ResourceStatus{}
	var order []place
	for _, r := range resources {
		p := at(r)
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], r)
	}
	for _, p := range order {
		group := groups[p]
		slices.SortStableFunc(group, func(a, b reconcile.ResourceStatus) int { return natural(name(a), name(b)) })
		for len(group) > 0 {
			n, names := 1, 1
			for n < len(group) && (name(group[n]) == name(group[n-1]) || follows(name(group[n-1]), name(group[n]))) {
				if name(group[n]) != name(group[n-1]) {
					names++
				}
				n++
			}
			run := group[:n]
			group = group[n:]
			if names < leastFolded {
				rest = append(rest, run...)
				continue
			}
			i := item{first: run[0].ID, source: run[0].Source, same: true}
			i.text = fmt.Sprintf("%s (%d)", write(p, name(run[0])+" … "+name(run[n-1])), n)
			for _, r := range run {
				i.same = i.same && r.Source == i.source
			}
			items = append(items, i)
		}
	}
	return rest, items
}

// FoldNames returns names as one text in which those that count up are one range. If there are more than mostNames, it counts
// the others.
func FoldNames(names []string) string {
	names = slices.Clone(names)
	slices.SortFunc(names, natural)
	names = slices.Compact(names)
	var parts []string
	for len(names) > 0 {
		n := 1
		for n < len(names) && follows(names[n-1], names[n]) {
			n++
		}
		if n >= leastFolded {
			parts = append(parts, names[0]+" … "+names[n-1])
		} else {
			parts = append(parts, names[:n]...)
		}
		names = names[n:]
	}
	return listed(parts)
}

// follows reports whether the last numbers of two names differ by one, and nothing else does.
func follows(before, after string) bool {
	stem, number, tail, ok := numbered(before)
	next, following, end, also := numbered(after)
	return ok && also && stem == next && tail == end && following == number+1
}

// numbered splits a name at its last number, of at most nine digits and without a leading zero.
func numbered(name string) (stem string, number int, tail string, ok bool) {
	end := strings.LastIndexFunc(name, isDigit) + 1
	if end == 0 {
		return "", 0, "", false
	}
	start := strings.LastIndexFunc(name[:end], func(r rune) bool { return !isDigit(r) })
	if start >= 0 {
		start += len(string([]rune(name[start:])[0]))
	} else {
		start = 0
	}
	digits := name[start:end]
	number, err := strconv.Atoi(digits)
	return name[:start], number, name[end:], err == nil && len(digits) <= 9 && (digits == "0" || digits[0] != '0')
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// natural compares names as people do: web2 comes before web10.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := digitsAt(a), digitsAt(b)
		if x > 0 && y > 0 {
			m, n := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), strings.Compare(m, n), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// digitsAt returns how many digits a text begins with.
func digitsAt(text string) int {
	n := strings.IndexFunc(text, func(r rune) bool { return !isDigit(r) })
	if n < 0 {
		return len(text)
	}
	return n
}
