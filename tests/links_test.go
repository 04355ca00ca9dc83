package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	markdownFence   = regexp.MustCompile("(?ms)^```.*?^```$")
	markdownLink    = regexp.MustCompile(`\]\(([^)\s#]*)(?:#([^)\s]*))?\)`)
	markdownHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchors    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks holds every page to lead to what is there. What is in pkg/reference/text leads from docs/reference/files.md, into which
// it is put.
func TestLinks(t *testing.T) {
	listed, err := exec.Command("git", "-C", "..", "ls-files", "--cached", "--others", "--exclude-standard",
		"*.md", ":!pkg/reference/text").Output()
	if err != nil {
		t.Skipf("the pages are those that git lists: %v", err)
	}
	followed := 0
	for name := range strings.Lines(string(listed)) {
		followed += checkLinks(t, filepath.Join("..", strings.TrimSpace(name)))
	}
	if followed == 0 {
		t.Error("no page leads anywhere")
	}
}

// checkLinks holds a page to lead to files that are there, and to headings that they have. It returns how many links it
// has followed: those to other hosts it does not.
func checkLinks(t *testing.T, page string) (followed int) {
	t.Helper()
	for _, link := range markdownLink.FindAllStringSubmatch(markdownFence.ReplaceAllString(read(t, page), ""), -1) {
		path, anchor := link[1], link[2]
		if strings.Contains(path, ":") {
			continue
		}
		followed++
		target := page
		if path != "" {
			target = filepath.Join(filepath.Dir(page), path)
		}
		if _, err := os.Stat(target); err != nil {
			t.Errorf("%s leads to what is not there: %v", page, err)
		} else if anchor != "" && !anchors(read(t, target))[anchor] {
			t.Errorf("%s leads to #%s, and no heading of %s is called so", page, anchor, target)
		}
	}
	return followed
}

// anchors are the names by which GitHub and its like know the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, heading := range markdownHeading.FindAllStringSubmatch(markdownFence.ReplaceAllString(page, ""), -1) {
		name := notInAnchors.ReplaceAllString(strings.ToLower(heading[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}
