package tests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// storyGroup is the control group of all containers in stories: they are not in a namespace that goes with the story.
const storyGroup = "linkd-story"

// engine starts a container engine in the sandbox, where it has its own docker0 and its own rules.
func (s *stage) engine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || *engines == "" {
		ts.Fatalf("usage: engine docker|podman [FLAG...], in a story about engines")
	}
	s.unpacked(ts)
	switch engine, flags := args[0], args[1:]; engine {
	case "docker":
		s.start(ts, false, "dockerd", append([]string{
			"dockerd", "--log-level=error", "--data-root=/run/docker-data", "--storage-driver=vfs", "--cgroup-parent=/" + storyGroup,
		}, flags...))
		if !until(func() bool { return s.command(ts, []string{"docker", "version"}).Run() == nil }) {
			ts.Fatalf("Docker has not started")
		}
	default:
		ts.Fatalf("no such engine: %s", engine)
	}
	ts.Check(ts.Exec("sh", "-ec", importImage, "import", args[0]))
}

const importImage = `
if $1 image inspect busybox >/dev/null 2>&1; then exit; fi
mkdir -p image/bin
cp $ENGINES/bin/busybox image/bin/
for program in cat ip ping sh sleep; do ln -sf busybox image/bin/$program; done
tar -c -C image . | $1 import - busybox
`

// unpacked lets the story find the engines' programs and libraries.
func (s *stage) unpacked(ts *testscript.TestScript) {
	libraries, err := filepath.Glob(*engines + "/usr/lib/*-linux-gnu")
	ts.Check(err)
	for name, value := range map[string]string{
		"ENGINES":         *engines,
		"PATH":            ts.Getenv("PATH") + ":" + *engines + "/usr/bin:" + *engines + "/usr/sbin",
		"LD_LIBRARY_PATH": strings.Join(libraries, ":"),
	} {
		ts.Setenv(name, value)
		// Programs are looked for where this process would.
		ts.Check(os.Setenv(name, value))
		if !slices.Contains(s.variables, name) {
			s.variables = append(s.variables, name)
		}
	}
}

// removeGroups removes the control groups of containers that ended with their story.
func removeGroups(t *testing.T) {
	var groups []string
	for _, pattern := range []string{"/sys/fs/cgroup/" + storyGroup, "/sys/fs/cgroup/*/" + storyGroup} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, root := range found {
			_ = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
				if err == nil && e.IsDir() {
					groups = append(groups, path)
				}
				return nil
			})
		}
	}
	// The inner ones come after those that they are in.
	for _, group := range slices.Backward(groups) {
		if err := os.Remove(group); err != nil && !os.IsNotExist(err) {
			t.Errorf("a control group stays behind: %v", err)
		}
	}
}
