package tests

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// entry is a command of a transcript, as it was typed, and what it printed.
type entry struct {
	typed, printed string
}

// transcriptOf takes a transcript apart: a command is a line that begins with "$ ", with those after it that it goes on
// in, by a backslash or a quotation mark that is still open; what it prints follows.
func transcriptOf(text string) (entries []entry, err error) {
	open := false
	for line := range strings.Lines(text) {
		switch command, is := strings.CutPrefix(line, "$ "); {
		case open:
			entries[len(entries)-1].typed += line
		case is:
			entries = append(entries, entry{typed: command})
		case len(entries) == 0:
			return nil, fmt.Errorf("a transcript begins with a command, not with %q", line)
		default:
			entries[len(entries)-1].printed += line
			continue
		}
		typed := entries[len(entries)-1].typed
		open = strings.HasSuffix(typed, "\\\n") || strings.Count(typed, "'")%2 == 1
	}
	return entries, nil
}

var exitRemark = regexp.MustCompile(`# exits with (\d+)`)

// status is the one that the command is said to exit with: 0, unless a comment says otherwise.
func (e entry) status() int {
	if m := exitRemark.FindStringSubmatch(e.typed); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// shows tells whether what was printed is what the transcript shows. There, … stands for any text within a line, and a line
// with nothing else in it for any lines.
func (e entry) shows(printed string) bool {
	pattern := regexp.QuoteMeta(e.printed)
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(?s:.*)`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(printed)
}

// transcript types what a transcript shows as typed, in a shell for each command, and compares what is printed. With
// -update it rewrites the page, of which the transcript is the block of that number.
func (s *stage) transcript(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: transcript FILE PAGE NUMBER")
	}
	text, page := ts.ReadFile(args[0]), args[1]
	number, err := strconv.Atoi(args[2])
	ts.Check(err)
	entries, err := transcriptOf(text)
	ts.Check(err)
	now := ""
	for _, e := range entries {
		cmd := s.command(ts, []string{"sh", "-c", e.typed})
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			ts.Check(err)
		}
		if status := cmd.ProcessState.ExitCode(); status != e.status() {
			ts.Fatalf("%s exits with %d, not %d:\n%s", strings.TrimSpace(e.typed), status, e.status(), out)
		}
		printed := string(out)
		switch {
		case e.shows(printed):
			printed = e.printed
		case !*update:
			ts.Fatalf("%sprints\n%sand the page shows\n%s", e.typed, printed, e.printed)
		}
		now += "$ " + e.typed + printed
	}
	if now == text {
		return
	}
	old, err := os.ReadFile(page)
	ts.Check(err)
	ts.Check(os.WriteFile(page, []byte(rewrite(string(old), number, now)), 0o644))
}
