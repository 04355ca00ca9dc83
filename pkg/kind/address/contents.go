package address

import "linkd/pkg/spec"

// contents returns what the address is beyond its ID, in the words of ip-address(8).
func contents(a *Address) (text string, lines []string) {
	e := a.entry()
	if a.index != 0 {
		// What is left of an observed lifetime is another number with each look.
		e.ValidLft, e.PreferredLft = nil, nil
	}
	return spec.Phrase(e, "address"), nil
}
