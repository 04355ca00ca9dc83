package reference

import (
	"strings"
	"testing"
)

// The manual page says what the other page says, without what a terminal cannot show.
func TestManual(t *testing.T) {
	page := Manual(language)
	for _, o := range newModel(language).objects {
		for _, k := range o.keys {
			if !strings.Contains(page, "\n**"+k.name+"**: ") {
				t.Errorf("%s.%s is not in it", o.name, k.name)
			}
		}
	}
	for line := range strings.Lines(page) {
		if strings.Contains(line, "](") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "###") {
			t.Errorf("not for a manual page: %s", line)
		}
	}
	for _, want := range []string{
		"# NAME\nlinkd.yaml - ",
		"\n# NAMESPACES\n",
		"\n## Sysctls of a namespace\n",
		"\n**version**: `1`; default `1`\n: The version of the language.\n",
		"\n**create**: `true` or `false`\n: Create the namespace as /run/netns/NAME, and delete it when you remove the entry.\n",
		"\n**interface**\n: ID: `NETNS/link/DEV`. Mark: its alias, `linkd:ID`. When you remove it from the files: ",
		"/usr/share/doc/linkd/explanation/ownership.md\nexplains why.", "/usr/share/doc/linkd/explanation/security.md says",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("it does not say\n%s", want)
		}
	}
}
