package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"linkd/internal/docgen/pages"
	"linkd/pkg/kind"
)

func writePages(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := pages.Write(newRoot(&options{}), kind.Language(), time.Now(), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Every command and the file format have a manual page, and every shell has a completion that calls linkd.
func TestPages(t *testing.T) {
	dir := writePages(t)
	for _, name := range []string{"linkd.8", "linkd-apply.8", "linkd-validate.8", "linkd.yaml.5"} {
		if _, err := os.Stat(filepath.Join(dir, "man", name)); err != nil {
			t.Error(err)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		text, err := os.ReadFile(filepath.Join(dir, "linkd."+shell))
		if err != nil || !strings.Contains(string(text), "__complete") {
			t.Errorf("the completion for %s does not call linkd: %v", shell, err)
		}
	}
}

// man(1) formats the manual pages without a warning, and for a terminal of 80 columns.
func TestPagesCanBeRead(t *testing.T) {
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("needs man(1)")
	}
	paths, err := filepath.Glob(filepath.Join(writePages(t), "man", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range paths {
		cmd := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)
		cmd.Env = append(os.Environ(), "MANROFFSEQ=", "MANWIDTH=80", "LC_ALL=C.UTF-8")
		var warnings bytes.Buffer
		cmd.Stderr = &warnings
		if err := cmd.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v\n%s", filepath.Base(page), err, &warnings)
		}
		for _, line := range printed(t, page) {
			if utf8.RuneCountInString(line) > 80 {
				t.Errorf("%s has a line wider than a terminal:\n%s", filepath.Base(page), line)
			}
			if strings.HasSuffix(line, "\u2010") {
				t.Errorf("%s has a hyphen that nobody may copy:\n%s", filepath.Base(page), line)
			}
		}
	}
}

// printed returns the lines of a manual page as man(1) prints them.
func printed(t *testing.T, page string) []string {
	t.Helper()
	cmd := exec.Command("man", "-E", "UTF-8", "-l", page)
	cmd.Env = append(os.Environ(), "MANROFFSEQ=", "MANWIDTH=80", "MAN_KEEP_FORMATTING=", "LC_ALL=C.UTF-8")
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.TrimRight(strings.ReplaceAll(line, "\t", "        "), "\n"))
	}
	if len(lines) < 10 {
		t.Fatalf("%s has only %d lines", page, len(lines))
	}
	return lines
}

// A manual page shows the value and the default of a flag as --help does.
func TestPagesShowTheValuesOfFlags(t *testing.T) {
	dir := writePages(t)
	for name, wanted := range map[string][]string{
		"linkd-try.8":   {`\fB--as\fP \fIPATH\fP` + "\n", `\fB--for\fP \fIDURATION\fP (default 2m0s)` + "\n", `\fB--config\fP \fIPATH\fP (default /etc/linkd.d)` + "\n"},
		"linkd-apply.8": {`\fB--prune\fP` + "\n", `\fB--wait\fP \fIduration\fP` + "\n", `\fB-o\fP, \fB--output\fP \fIFORMAT\fP (default text)` + "\n"},
	} {
		page, err := os.ReadFile(filepath.Join(dir, "man", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wanted {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s does not say %q", name, want)
			}
		}
	}
}
