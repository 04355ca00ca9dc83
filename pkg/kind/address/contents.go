package address

import "linkd/pkg/spec"

// contents returns what the address is beyond its ID, in the words of ip-address(8).
func contents(a *Address) (text string, lines []string) {
	return spec.Phrase(a.entry(), "address"), nil
}
