// Package doctor checks what on a machine keeps the files from working, and says what to do. It changes nothing: it creates no
// table, loads no module, and assigns no namespace an ID.
//
// A check is one file and one line in Checks. It has a function that looks at the machine, and a pure one that judges what was
// seen. When in doubt, a check reports nothing: a false alarm is worse than a missing one.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"linkd/pkg/spec"
)

// Level is the severity of a finding.
type Level string

const (
	// Error: something that the files declare does not work.
	Error Level = "error"
	// Warning: it works now, but may stop working.
	Warning Level = "warning"
	// OK: there is nothing to do.
	OK Level = "ok"
	// Skipped: the check does not apply here, or linkd cannot tell.
	Skipped Level = "skipped"
)

// Finding is a result of a check: a sentence and, if something is wrong, what to do, and the resource that it is about.
type Finding struct {
	Check    string `json:"check"`
	Level    Level  `json:"level"`
	Text     string `json:"text"`
	Advice   string `json:"advice,omitempty"`
	Resource string `json:"resource,omitempty"`
	Source   string `json:"source,omitempty"`
}

// of returns the finding with the resource that it is about.
func (f Finding) of(r spec.Resource) Finding {
	f.Resource, f.Source = r.ID().String(), r.Origin().String()
	return f
}

// Check is one check.
type Check struct {
	Name string
	// Doc says what the check finds and why that matters, in Markdown.
	Doc string
	run func(ctx context.Context, m *Machine) []Finding
}

// newCheck returns a check that calls look, and then judge with the result. If judge finds nothing, the finding is OK with the text
// fine. If look fails, the check is skipped.
func newCheck[T any](name, fine, doc string, look func(ctx context.Context, m *Machine) (T, error), judge func(files *spec.Desired, saw T) []Finding) Check {
	return Check{Name: name, Doc: doc, run: func(ctx context.Context, m *Machine) []Finding {
		saw, err := look(ctx, m)
		var needless needless
		switch {
		case errors.As(err, &needless):
			return []Finding{{Level: Skipped, Text: needless.Error()}}
		case err != nil:
			return []Finding{{Level: Skipped, Text: fmt.Sprintf("linkd cannot tell: %v", err)}}
		}
		if findings := judge(m.Desired, saw); len(findings) > 0 {
			return findings
		}
		return []Finding{{Level: OK, Text: fine}}
	}}
}

// needless is the error of a look that has nothing to check. Its text says why.
type needless string

func (n needless) Error() string { return string(n) }

// Examine runs all checks in the order of Checks.
func Examine(ctx context.Context, m *Machine) (findings []Finding) {
	for _, c := range Checks {
		for _, f := range c.run(ctx, m) {
			f.Check = c.Name
			findings = append(findings, f)
		}
	}
	return findings
}

// Page returns docs/reference/doctor.md, which describes all checks.
func Page() string {
	var b strings.Builder
	b.WriteString(opening)
	for _, c := range Checks {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", c.Name, c.Doc)
	}
	return b.String()
}

const opening = "# Checks of `linkd doctor`\n\n" +
	"`linkd doctor` looks at the machine and the files. Each check below says whether something keeps the files from working, and\n" +
	"what to do. `linkd doctor` needs no daemon, and changes nothing. With `-o json`:\n\n" +
	"```json\n" +
	`{"version":1,"findings":[{"check":"forwarding","level":"error","text":"...","advice":"...","resource":"host/iptables/nat/LINKD-POSTROUTING","source":"/etc/linkd.d/links.yaml:12"}]}` +
	"\n```\n\n" +
	"A level is `error` (something does not work), `warning` (it works now, but may stop working), `ok`, or `skipped` (the check does\n" +
	"not apply here, or linkd cannot tell); as text these are `problem`, `advice`, `fine` and `skipped`. The exit status is 1 if there is\n" +
	"an error or a warning, and 2 if the command line is invalid.\n"
