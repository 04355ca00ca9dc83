package doctor

import (
	"context"

	"linkd/pkg/spec"
)

var validFiles = newCheck("files", "all files are valid",
	"linkd does not apply a file that is invalid or unreadable, or that users other than root can write: the daemon keeps the\nfile's last good content, and `apply` changes nothing. linkd does not configure a container that has a template's label but\nnot what the template requires.",
	func(_ context.Context, m *Machine) (fileTrouble, error) {
		return fileTrouble{m.Invalid, m.Unreadable}, nil
	}, judgeFiles)

type fileTrouble struct {
	invalid    spec.Errors
	unreadable error
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
	for _, w := range files.Warnings {
		findings = append(findings, Finding{Level: Warning, Text: w.Message, Source: w.Source.String(), Advice: "change the file, unless this is intended"})
	}
	for _, m := range files.Misfits {
		findings = append(findings, Finding{Level: Warning, Text: m.String(), Advice: "start the container with what the template needs, or without the label"})
	}
	return findings
}
