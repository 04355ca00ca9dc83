package address

import (
	"fmt"
	"strings"
	"testing"
)

// The kernel's order, in which * is an address that linkd did not add, and the result in the file's order.
func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		name, kernel, file, says string
	}{
		{"as in the file", "10.0.0.20/24 10.0.0.100/24", "10.0.0.20/24 10.0.0.100/24", ""},
		{"turned round", "10.0.0.100/24 10.0.0.20/24", "10.0.0.20/24 10.0.0.100/24",
			"10.0.0.100/24 is before 10.0.0.20/24: add 10.0.0.100/24"},
		{"the first has come back as the last", "10.0.0.2/24 10.0.0.3/24 10.0.0.1/24", "10.0.0.1/24 10.0.0.2/24 10.0.0.3/24",
			"10.0.0.2/24 is before 10.0.0.1/24: add 10.0.0.2/24 10.0.0.3/24; 10.0.0.3/24 is before 10.0.0.1/24: add 10.0.0.2/24 10.0.0.3/24"},
		{"two changed places", "10.0.0.2/24 10.0.0.1/24 10.0.0.3/24", "10.0.0.1/24 10.0.0.2/24 10.0.0.3/24",
			"10.0.0.2/24 is before 10.0.0.1/24: add 10.0.0.2/24 10.0.0.3/24"},
		{"each is of a subnet of its own", "10.0.0.2/24 10.0.1.1/24 10.0.0.1/25", "10.0.0.1/25 10.0.1.1/24 10.0.0.2/24", ""},
		{"another is primary", "10.0.0.9/24* 10.0.0.20/24 10.0.0.100/24", "10.0.0.20/24 10.0.0.100/24",
			"10.0.0.20/24 comes after 10.0.0.9/24"},
		{"another is primary, and the rest is turned round", "10.0.0.9/24* 10.0.0.100/24 10.0.0.20/24", "10.0.0.20/24 10.0.0.100/24",
			"10.0.0.20/24 comes after 10.0.0.9/24; 10.0.0.100/24 is before 10.0.0.20/24: add 10.0.0.100/24"},
		{"another would become primary", "10.0.0.100/24 10.0.0.9/24* 10.0.0.20/24", "10.0.0.20/24 10.0.0.100/24",
			"10.0.0.20/24 comes after 10.0.0.9/24"},
		{"another is between", "10.0.0.100/24 10.0.0.20/24 10.0.0.9/24*", "10.0.0.20/24 10.0.0.100/24",
			"10.0.0.100/24 is before 10.0.0.20/24: add 10.0.0.100/24"},
		{"another's, and one of the file's", "10.0.0.9/24* 10.0.0.20/24", "10.0.0.20/24 10.1.0.1/24", ""},
		{"one that is about to go", "10.0.0.7/24 10.0.0.20/24 10.0.0.100/24", "10.0.0.20/24 10.0.0.100/24", ""},
		{"IPv6 as in the file", "fd00::2/64 fd00::1/64", "fd00::2/64 fd00::1/64", ""},
		{"IPv6 turned round", "fd00::1/64 fd00::2/64", "fd00::2/64 fd00::1/64",
			"fd00::1/64 is before fd00::2/64: add fd00::2/64"},
		{"IPv6, and the last has come back as the first", "fd00::3/64 fd00::1/64 fd00::2/64", "fd00::1/64 fd00::2/64 fd00::3/64",
			"fd00::3/64 is before fd00::1/64: add fd00::2/64 fd00::1/64"},
		{"IPv6 beside another's", "fd00::9/64* fd00::2/64 fd00::1/64", "fd00::2/64 fd00::1/64", ""},
	} {
		read := func(text string) (all []*Address) {
			for rank, word := range strings.Fields(text) {
				a := &Address{Dev: "eth0", rank: rank, Proto: Mark}
				if own, foreign := strings.CutSuffix(word, "*"); foreign {
					word, a.Proto = own, 0
				}
				a.Prefix = subnet(word)
				all = append(all, a)
			}
			return all
		}
		found := read(test.kernel)
		at := places(found, read(test.file))
		var says []string
		for _, a := range found {
			p := at[a]
			if p.primary.IsValid() {
				says = append(says, fmt.Sprintf("%s comes after %s", a.Prefix, p.primary))
			}
		}
		for _, a := range found {
			if p := at[a]; p.behind.IsValid() {
				add := strings.Trim(fmt.Sprint(p.again), "[]")
				says = append(says, fmt.Sprintf("%s is before %s: add %s", a.Prefix, p.behind, add))
			}
		}
		if got := strings.Join(says, "; "); got != test.says {
			t.Errorf("%s:\n%s, want\n%s", test.name, got, test.says)
		}
	}
}
