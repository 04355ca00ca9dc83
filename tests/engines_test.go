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
		ts.Fatalf("usage: engine docker|podman|containerd [FLAG...], in a story about engines")
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
	case "podman":
		s.podman(ts, flags)
	case "containerd":
		s.containerd(ts)
		return
	default:
		ts.Fatalf("no such engine: %s", engine)
	}
	ts.Check(ts.Exec("sh", "-ec", importImage, "import", args[0]))
}

// containerd starts containerd, and puts the files of a container into the directory image.
func (s *stage) containerd(ts *testscript.TestScript) {
	s.start(ts, false, "containerd", []string{"containerd", "--config=/dev/null", "--log-level=error", "--root=/run/containerd-data"})
	if !until(func() bool { return s.command(ts, []string{"ctr", "version"}).Run() == nil }) {
		ts.Fatalf("containerd has not started")
	}
	ts.Check(ts.Exec("sh", "-ec", makeImage))
}

// podman lets podman be used in the story, with all that it keeps in the sandbox; with the flag --service it also has its
// API served.
func (s *stage) podman(ts *testscript.TestScript, flags []string) {
	ts.Check(os.MkdirAll("/run/podman", 0o755))
	ts.Check(os.Symlink(*engines+"/etc/containers", "/etc/containers"))
	for name, text := range map[string]string{"CONTAINERS_CONF": podmanConfig, "CONTAINERS_STORAGE_CONF": podmanStorage} {
		path := "/run/podman/" + strings.ToLower(name)
		ts.Check(os.WriteFile(path, []byte(os.ExpandEnv(text)), 0o644))
		ts.Setenv(name, path)
		ts.Check(os.Setenv(name, path))
		s.variables = append(s.variables, name)
	}
	if slices.Contains(flags, "--service") {
		const socket = "/run/podman/podman.sock"
		s.start(ts, false, "podman-service", []string{"podman", "system", "service", "--time=0", "unix://" + socket})
		if !until(func() bool { _, err := os.Stat(socket); return err == nil }) {
			ts.Fatalf("podman does not serve its API")
		}
	}
}

const podmanConfig = `
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
conmon_path = ["$ENGINES/usr/bin/conmon"]
runtime = "runc"
[engine.runtimes]
runc = ["$ENGINES/usr/sbin/runc"]
[containers]
seccomp_profile = "$ENGINES/usr/share/containers/seccomp.json"
`

const podmanStorage = `
[storage]
driver = "vfs"
graphroot = "/run/podman/storage"
runroot = "/run/podman/run"
`

const makeImage = `
if [ -e image/bin/busybox ]; then exit; fi
mkdir -p image/bin
cp $ENGINES/bin/busybox image/bin/
for program in cat ip ping sh sleep; do ln -sf busybox image/bin/$program; done
`

const importImage = `
if $1 image inspect busybox >/dev/null 2>&1; then exit; fi
(` + makeImage + `)
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

// removeGroups removes a control group with all in it, which ended with the stories.
func removeGroups(t *testing.T, group string) {
	var groups []string
	for _, pattern := range []string{"/sys/fs/cgroup/" + group, "/sys/fs/cgroup/*/" + group} {
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
