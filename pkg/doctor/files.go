package doctor

import (
	"context"
	"fmt"
	"slices"

	"linkd/pkg/control"
	"linkd/pkg/spec"
)

var validFiles = newCheck("files", "all files are valid",
	"linkd does not apply a file that is invalid or unreadable, or that users other than root can write: the daemon keeps the\nfile's last good content, and `apply` changes nothing. linkd does not configure a container that has a template's label but\nnot what the template requires.",
	func(ctx context.Context, m *Machine) (fileTrouble, error) {
		saw := fileTrouble{invalid: m.Invalid, unreadable: m.Unreadable}
		if _, err := m.running(ctx); err == nil {
			// A daemon that ends now has no files in force.
			if status, err := control.NewClient(m.RuntimeDir).Status(ctx); err == nil {
				saw.notInForce = status.NotInForce()
			}
		}
		return saw, nil
	}, judgeFiles)

// fileTrouble has the errors of the files: as this program reads them, and as the daemon last read its own.
type fileTrouble struct {
	invalid    spec.Errors
	unreadable error
	notInForce []spec.FileState
}

func judgeFiles(files *spec.Desired, saw fileTrouble) (findings []Finding) {
	if saw.unreadable != nil {
		return []Finding{{Level: Error, Text: saw.unreadable.Error(), Advice: "create the directory, or name another one with --config"}}
	}
	for _, e := range saw.invalid {
		findings = append(findings, Finding{
			Level: Error, Text: "the file is invalid: " + e.Message, Source: e.Source.String(),
			Advice: "correct the file: the daemon notices the change",
		})
	}
	for _, f := range saw.notInForce {
		if slices.ContainsFunc(saw.invalid, func(e *spec.Error) bool { return e.File == f.Path }) {
			continue
		}
		findings = append(findings, Finding{
			Level: Error, Text: fmt.Sprintf("%s is not in force in the daemon (%s): %s", f.Path, f.State, f.Error),
			Advice: "run linkd reload; if the file is still not in force then, correct it",
		})
	}
	for _, w := range files.Warnings {
		findings = append(findings, Finding{Level: Warning, Text: w.Message, Source: w.Source.String(), Advice: "change the file, unless this is intended"})
	}
	for _, m := range files.Misfits {
		findings = append(findings, Finding{Level: Warning, Text: m.String(), Advice: "start the container with what the template needs, or without the label"})
	}
	return findings
}
