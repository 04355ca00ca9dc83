package route

import (
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// contents returns what the route is beyond its ID, in the words of ip-route(8).
func contents(r *Route) (text string, lines []string) {
	var words []string
	if r.Type != unix.RTN_UNICAST {
		words = append(words, r.Type.String())
	}
	for _, hop := range r.Hops {
		words = append(words, "nexthop "+hop.String())
	}
	if len(r.Hops) == 0 {
		words = append(words, strings.TrimPrefix(hopText(r.Via, r.Dev), " "))
	}
	if r.Encap != nil {
		words = append(words, "encap "+r.Encap.String())
	}
	words = append(words, spec.Phrase(r.entry(), "to", "via", "encap", "tos", "table", "metric", "family", "type", "adopt"))
	return strings.Join(strings.Fields(strings.Join(words, " ")), " "), nil
}
