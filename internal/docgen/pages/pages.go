// Package pages writes the manual pages and the shell completions that are installed with linkd. The linkd binary does not
// contain it, because only packages need it and it would slow each start down.
package pages

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"linkd/pkg/reference"
	"linkd/pkg/spec"
)

// manual is the text of linkd(8) before the list of commands.
//
//go:embed manual.md
var manual string

// Write writes the pages to DIR/man and the completions to DIR/linkd.SHELL. Day is the date of the pages.
func Write(root *cobra.Command, lang spec.Language, day time.Time, dir string) error {
	man := filepath.Join(dir, "man")
	if err := os.MkdirAll(man, 0o755); err != nil {
		return err
	}
	if err := writeCommands(root, day, man); err != nil {
		return err
	}
	opening := fmt.Sprintf("%% \"LINKD.YAML\" \"5\" %q \"linkd\" \"File formats\"\n", day.UTC().Format("Jan 2006"))
	page := md2man.Render([]byte(opening + reference.Manual(lang)))
	if err := os.WriteFile(filepath.Join(man, "linkd.yaml.5"), page, 0o644); err != nil {
		return err
	}
	completion := func(shell string) string { return filepath.Join(dir, "linkd."+shell) }
	return errors.Join(
		root.GenBashCompletionFileV2(completion("bash"), true),
		root.GenZshCompletionFile(completion("zsh")),
		root.GenFishCompletionFile(completion("fish"), true),
	)
}

// writeCommands writes one page for linkd, and one for each command.
func writeCommands(root *cobra.Command, day time.Time, dir string) error {
	root.DisableAutoGenTag = true
	root.Long = manual
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() {
			continue
		}
		var page bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "8", Date: &day, Source: "linkd", Manual: "System administration"}, &page); err != nil {
			return fmt.Errorf("manual page of %s: %w", cmd.CommandPath(), err)
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".8"
		if err := os.WriteFile(filepath.Join(dir, name), flagLine.ReplaceAll(page.Bytes(), []byte(".TP\n$1\n$2\n")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// flagLine matches a flag in a page of cobra's. cobra indents its description with a tab; other pages use a list.
var flagLine = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*?)(?:\[=false\])?\n\t(.*)\n\n?`)
