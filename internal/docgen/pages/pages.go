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
	"github.com/spf13/pflag"

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
	if err := os.WriteFile(filepath.Join(man, "linkd.yaml.5"), keepWordsWhole(page), 0o644); err != nil {
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
	root.Long = strings.Replace(manual, "{{commands}}", listCommands(root), 1)
	root.Example = rootExample
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() {
			continue
		}
		var page bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "8", Date: &day, Source: "linkd", Manual: "System administration"}, &page); err != nil {
			return fmt.Errorf("manual page of %s: %w", cmd.CommandPath(), err)
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".8"
		if err := os.WriteFile(filepath.Join(dir, name), keepWordsWhole(polish(cmd, page.Bytes())), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// rootExample has the examples of linkd(8).
const rootExample = `  linkd init                            # a first file in /etc/linkd.d
  linkd validate && linkd diff          # check the files, and preview
  systemctl reload linkd                # apply them
  linkd status                          # the state
  linkd try new.yaml --as web.yaml      # a change that reverts itself
  linkd probe web 192.0.2.1             # find out what stops a packet`

// listCommands returns the commands in their groups, each with a line, in the Markdown of manual pages.
func listCommands(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# COMMANDS\n")
	for _, group := range root.Groups() {
		b.WriteString("## " + strings.TrimSuffix(group.Title, ":") + "\n")
		for _, cmd := range root.Commands() {
			if cmd.GroupID == group.ID {
				fmt.Fprintf(&b, "**%s**\n: %s.\n\n", cmd.Name(), cmd.Short)
			}
		}
	}
	return b.String()
}

// polish makes a page of cobra's look as other pages do: flags in a list with their values and defaults, the usual headings, and the
// pages about files and iproute2 under SEE ALSO.
func polish(cmd *cobra.Command, page []byte) []byte {
	page = flagLine.ReplaceAllFunc(page, func(line []byte) []byte {
		parts := flagLine.FindSubmatch(line)
		return fmt.Appendf(nil, ".TP\n%s%s\n%s\n", parts[1], valueOf(cmd.Flag(string(parts[2]))), parts[3])
	})
	return []byte(strings.NewReplacer(
		".SH EXAMPLE\n", ".SH EXAMPLES\n",
		".SH OPTIONS INHERITED FROM PARENT COMMANDS\n", ".SH GLOBAL OPTIONS\n",
		".SH SEE ALSO\n", ".SH SEE ALSO\n\\fBlinkd.yaml(5)\\fP, \\fBip-netns(8)\\fP, ",
	).Replace(string(page)))
}

// flagLine matches a flag in a page of cobra's. Its parts are the flag as it is typed, its name, and its description. cobra indents
// the description with a tab; other pages use a list.
var flagLine = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB(?:-.\\fP, \\fB)?--([a-z-]+)\\fP)(?:\[?=.*)?\n\t(.*)\n\n?`)

// valueOf returns what follows a flag in a manual page: the word that stands for its value, and the default unless that is empty.
func valueOf(flag *pflag.Flag) string {
	word, _ := pflag.UnquoteUsage(flag)
	if word == "" {
		return ""
	}
	word = " \\fI" + word + "\\fP"
	value := strings.Trim(flag.DefValue, "[]")
	if value == "" || value == "0" || value == "0s" {
		return word
	}
	return word + " (default " + value + ")"
}

// keepWordsWhole turns off hyphens and justified lines after the title, which turns them on. A reader copies IDs, keys and paths
// from the page, and a hyphen in them would be wrong.
func keepWordsWhole(page []byte) []byte {
	return titleLine.ReplaceAll(page, []byte("$0\n.nr HY 0\n.ds AD l\n.nh\n.ad l"))
}

var titleLine = regexp.MustCompile(`(?m)^\.TH .*$`)
