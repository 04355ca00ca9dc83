package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	jump    = regexp.MustCompile(`^-A (\S+)( -m comment --comment ("[^"]*"|\S+))? -j (LINKD-\S+)$`)
	comment = regexp.MustCompile(` -m comment --comment ("(\\"|[^"])*"|\S+)`)
)

// firewall keeps the order of the rules of a chain, and forgets tables and chains that are as good as not there.
func (r *reader) firewall(program string) {
	tables := map[string][]string{}
	table := ""
	for l := range strings.Lines(r.output(program + "-save")) {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "*"):
			table = l[1:]
		case strings.HasPrefix(l, ":"):
			chain, policy, _ := strings.Cut(l[1:], " ")
			policy, _, _ = strings.Cut(policy, " ")
			if policy == "-" {
				tables[table] = append(tables[table], "-N "+chain)
			} else if policy != "ACCEPT" {
				tables[table] = append(tables[table], "-P "+chain+" "+policy)
			}
		case strings.HasPrefix(l, "-A "):
			tables[table] = append(tables[table], l)
		}
	}
	var names []string
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines := tables[name]
		if r.unmarked {
			lines = inline(lines)
		}
		for _, l := range lines {
			fmt.Fprintln(&r.text, program, name, l)
		}
	}
}

// inline puts the rules of LINKD-* chains where the jump to them stands, without their comments.
func inline(lines []string) []string {
	chains := map[string][]string{}
	for _, l := range lines {
		if chain, rule, ok := strings.Cut(strings.TrimPrefix(l, "-A "), " "); ok && strings.HasPrefix(chain, "LINKD-") {
			chains[chain] = append(chains[chain], rule)
		}
	}
	var flat []string
	var add func(l string)
	add = func(l string) {
		m := jump.FindStringSubmatch(l)
		if m == nil {
			flat = append(flat, comment.ReplaceAllString(l, ""))
			return
		}
		for _, rule := range chains[m[4]] {
			add("-A " + m[1] + " " + rule)
		}
	}
	for _, l := range lines {
		if !strings.HasPrefix(l, "-N LINKD-") && !strings.HasPrefix(l, "-A LINKD-") {
			add(l)
		}
	}
	return flat
}
