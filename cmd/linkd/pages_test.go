package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// man(1) formats the manual pages without a warning.
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
	}
}
