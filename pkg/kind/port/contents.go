package port

import (
	"encoding/json"
	"strings"

	"linkd/pkg/spec"
)

// contents returns the master and the options, in the words of ip-link(8) and bridge(8): of a desired port those that are
// managed, and of an observed one those that are not as in a new port.
func contents(p *Port) (text string, lines []string) {
	var words []string
	if p.master() != "" {
		words = append(words, "master "+p.master())
	}
	managed := savedValues{}
	if p.found.index == 0 {
		for _, name := range append(p.Options.names(), vlansValue) {
			managed[name] = json.RawMessage("null")
		}
	}
	if options := spec.Phrase(p.fields(managed)); options != "" {
		words = append(words, options)
	}
	return strings.Join(words, " "), nil
}
