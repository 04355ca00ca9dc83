// Package doctor looks at a machine as linkd would, and says what of it keeps the files from working as they are meant, and
// what to do. It writes nothing: it makes no table, loads no module, and gives no namespace an id.
//
// A check is a file with a look and a judgement, and a line in Checks. The judgement is pure. When in doubt it says nothing:
// a false alarm is worse than none.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"linkd/pkg/spec"
)

// Level is how grave a finding is.
type Level string

const (
	// Error: what the files say does not work like this.
	Error Level = "error"
	// Warning: it works, and will not always.
	Warning Level = "warning"
	// OK: there is nothing to do.
	OK Level = "ok"
	// Skipped: it does not matter here, or cannot be told.
	Skipped Level = "skipped"
)

// Finding is what a check has to say: a sentence, and where something is wrong, what to do, and which resource of the
// files it is about.
type Finding struct {
	Check    string `json:"check"`
	Level    Level  `json:"level"`
	Text     string `json:"text"`
	Advice   string `json:"advice,omitempty"`
	Resource string `json:"resource,omitempty"`
	Source   string `json:"source,omitempty"`
}

// of is the finding with the resource of the files that it is about.
func (f Finding) of(r spec.Resource) Finding {
	f.Resource, f.Source = r.ID().String(), r.Origin().String()
	return f
}

// Check is one thing to look at.
type Check struct {
	Name string
	// Doc says when it finds something and why that matters, in sentences of Markdown.
	Doc string
	run func(ctx context.Context, m *Machine) []Finding
}

// newCheck makes a check of a look and a judgement about what was seen. Fine is said where that finds nothing.
func newCheck[T any](name, fine, doc string, look func(ctx context.Context, m *Machine) (T, error), judge func(files *spec.Desired, saw T) []Finding) Check {
	return Check{Name: name, Doc: doc, run: func(ctx context.Context, m *Machine) []Finding {
		saw, err := look(ctx, m)
		var needless needless
		switch {
		case errors.As(err, &needless):
			return []Finding{{Level: Skipped, Text: needless.Error()}}
		case err != nil:
			return []Finding{{Level: Skipped, Text: fmt.Sprintf("it cannot be told: %v", err)}}
		}
		if findings := judge(m.Desired, saw); len(findings) > 0 {
			return findings
		}
		return []Finding{{Level: OK, Text: fine}}
	}}
}

// needless is why there is nothing to look at.
type needless string

func (n needless) Error() string { return string(n) }

// Examine runs all checks, in their order.
func Examine(ctx context.Context, m *Machine) (findings []Finding) {
	for _, c := range Checks {
		for _, f := range c.run(ctx, m) {
			f.Check = c.Name
			findings = append(findings, f)
		}
	}
	return findings
}

// Page is what there is to know of the checks, in Markdown.
func Page() string {
	var b strings.Builder
	b.WriteString(opening)
	for _, c := range Checks {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", c.Name, c.Doc)
	}
	return b.String()
}

const opening = "# What `linkd doctor` looks at\n\n" +
	"`linkd doctor` looks at the machine and the files, and says of each thing below whether it keeps what the files say from\n" +
	"working, and what to do. It needs no daemon, and changes nothing. With `-o json`:\n\n" +
	"```json\n" +
	`{"version":1,"findings":[{"check":"forwarding","level":"error","text":"...","advice":"...","resource":"host/iptables/nat/LINKD-POSTROUTING","source":"/etc/linkd.d/links.yaml:12"}]}` +
	"\n```\n\n" +
	"A level is `error` (it does not work like this), `warning` (it works, and will not always), `ok`, or `skipped` (it does\n" +
	"not matter here, or cannot be told); as text these are `problem`, `advice`, `fine` and `skipped`. The exit status is 1 where there is an error or a warning, and 2 where it was called\n" +
	"wrongly.\n"
