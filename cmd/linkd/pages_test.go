package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"linkd/pkg/kind"
	"linkd/pkg/reference"
)

var share = flag.String("share", "", "directory to keep the manual pages and the completions in")

//go:embed manual.md
var manual string

// TestPages makes what is installed with linkd of its commands. It is a test and not a command, because every start of
// linkd would pay for what only packages need.
func TestPages(t *testing.T) {
	dir := *share
	if dir == "" {
		dir = t.TempDir()
	}
	root := newRoot(&options{})
	man := writePages(t, root, dir)
	writeCompletions(t, root, dir)
	for _, name := range []string{"linkd.8", "linkd-apply.8", "linkd-validate.8", "linkd.yaml.5"} {
		if _, err := os.Stat(filepath.Join(man, name)); err != nil {
			t.Error(err)
		}
	}
}

// man(1) takes the pages without a warning.
func TestPagesCanBeRead(t *testing.T) {
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("there is no man(1) to read the pages")
	}
	pages, err := filepath.Glob(filepath.Join(writePages(t, newRoot(&options{}), t.TempDir()), "*"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		cmd := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)
		cmd.Env = append(os.Environ(), "MANROFFSEQ=", "MANWIDTH=80", "LC_ALL=C.UTF-8")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("%s: %v\n%s", filepath.Base(page), err, &said)
		}
	}
}

// writePages writes one page for linkd, one for each command and one for the files, and returns where.
func writePages(t *testing.T, root *cobra.Command, dir string) string {
	t.Helper()
	dir = filepath.Join(dir, "man")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root.DisableAutoGenTag = true
	root.Long = manual
	day := time.Now()
	if epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		day = time.Unix(epoch, 0)
	}
	write := func(name string, page []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() {
			continue
		}
		var page bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "8", Date: &day, Source: "linkd", Manual: "System administration"}, &page); err != nil {
			t.Fatal(err)
		}
		write(strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".8", flagLine.ReplaceAll(page.Bytes(), []byte(".TP\n$1\n$2\n")))
	}
	opening := fmt.Sprintf("%% \"LINKD.YAML\" \"5\" %q \"linkd\" \"File formats\"\n", day.UTC().Format("Jan 2006"))
	write("linkd.yaml.5", md2man.Render([]byte(opening+reference.Manual(kind.Language()))))
	return dir
}

// flagLine is what cobra writes of a flag, with a tab for what other pages have as a list.
var flagLine = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*?)(?:\[=false\])?\n\t(.*)\n\n?`)

// writeCompletions writes what a shell needs to complete a command line of linkd's.
func writeCompletions(t *testing.T, root *cobra.Command, dir string) {
	t.Helper()
	file := func(shell string) string { return filepath.Join(dir, "linkd."+shell) }
	for shell, err := range map[string]error{
		"bash": root.GenBashCompletionFileV2(file("bash"), true),
		"zsh":  root.GenZshCompletionFile(file("zsh")),
		"fish": root.GenFishCompletionFile(file("fish"), true),
	} {
		if err != nil {
			t.Fatalf("%s: %v", shell, err)
		}
		text, err := os.ReadFile(file(shell))
		if err != nil || !strings.Contains(string(text), "__complete") {
			t.Errorf("%s does not ask linkd: %v", shell, err)
		}
	}
}
