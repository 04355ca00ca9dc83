package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var iptablesPrograms = newCheck("iptables-programs", "the programs of iptables are installed",
	"linkd sets rules and policies with `iptables` and `ip6tables`, version 1.6.2 or later, and their programs to save and\nrestore rules. The system's configuration selects which of the kernel's two backends they use, nft or legacy.",
	func(ctx context.Context, m *Machine) (map[string]programs, error) {
		found := map[string]programs{}
		for _, family := range familiesOf(m.Desired) {
			p := programs{}
			for _, name := range []string{family, family + "-save", family + "-restore"} {
				if _, err := exec.LookPath(name); err != nil {
					p.missing = append(p.missing, name)
				}
			}
			if len(p.missing) > 0 && os.Geteuid() != 0 {
				// The PATH of other users lacks /usr/sbin in Debian.
				return nil, needless("only root can check where linkd finds its programs")
			}
			if len(p.missing) == 0 {
				p.backend, p.err = iptables.Backend(family)
			}
			found[family] = p
		}
		if len(found) == 0 {
			return nil, needless("the files declare no iptables rules")
		}
		return found, nil
	}, judgePrograms)

// programs has the programs of one family.
type programs struct {
	missing []string
	backend string
	err     error
}

// familiesOf returns the kinds of the declared rules.
func familiesOf(files *spec.Desired) []string {
	return slices.DeleteFunc(slices.Clone(families), func(family string) bool { return firstOf(files, family) == nil })
}

// firstOf returns the first declared resource of a kind, or nil.
func firstOf(files *spec.Desired, kind string) (first spec.Resource) {
	for _, r := range files.Resources.All() {
		if r.ID().Kind == kind && (first == nil || r.Origin().Compare(first.Origin()) < 0) {
			first = r
		}
	}
	return first
}

func judgePrograms(files *spec.Desired, saw map[string]programs) (findings []Finding) {
	for _, family := range familiesOf(files) {
		p := saw[family]
		if len(p.missing) > 0 {
			findings = append(findings, Finding{
				Level: Error, Text: fmt.Sprintf("linkd cannot set rules of %s, because %s is not installed", family, strings.Join(p.missing, ", ")), Advice: "install the package iptables",
			}.of(firstOf(files, family)))
		}
		if p.err != nil {
			findings = append(findings, Finding{
				Level: Error, Text: fmt.Sprintf("linkd cannot use %s: %v", family, p.err), Advice: "install iptables 1.6.2 or later",
			}.of(firstOf(files, family)))
		}
		if p.backend != "" {
			findings = append(findings, Finding{Level: OK, Text: fmt.Sprintf("%s is installed, and uses the backend %s", family, p.backend)})
		}
	}
	return findings
}
