// Package web tests the page of `linkd web` in Chromium, with the real linkd in namespaces of its own.
package web

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	binary = flag.String("linkd", "", "the linkd to test")
	update = flag.Bool("update", false, "write the pictures instead of comparing them")
)

// sandboxEnv tells the test binary that it is the first process of a sandbox.
const sandboxEnv = "LINKD_WEB_SANDBOX"

// hostName is the name of the machine in a sandbox.
const hostName = "shop1"

// inSandbox reports whether this is the process in the sandbox. Elsewhere it plays the test in a new one, with network, mount, PID and
// host name of its own, and the caller returns.
func inSandbox(t *testing.T) bool {
	t.Helper()
	if os.Getenv(sandboxEnv) != "" {
		if err := enter(); err != nil {
			t.Fatal(err)
		}
		return true
	}
	switch {
	case *binary == "":
		t.Skip("it takes a browser: make test-web")
	case os.Geteuid() != 0:
		t.Skip("it needs root, for namespaces")
	}
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("it needs Debian's package chromium")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", append(os.Args[1:], "-test.run=^"+t.Name()+"$", "-test.v")...)
	cmd.Env = append(os.Environ(), sandboxEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  unix.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// enter gives the sandbox a /proc and an empty /run, and an /etc that can be written.
func enter() error {
	errs := []error{
		unix.Sethostname([]byte(hostName)),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		os.Mkdir("/run/etc", 0o755),
		unix.Mount("/etc", "/run/etc", "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Mount("tmpfs", "/etc", "tmpfs", 0, "mode=755"),
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	entries, err := os.ReadDir("/run/etc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "group" && !strings.HasPrefix(e.Name(), "linkd") {
			errs = append(errs, os.Symlink(filepath.Join("/run/etc", e.Name()), filepath.Join("/etc", e.Name())))
		}
	}
	unix.Umask(0o022)
	for _, dir := range []string{configDir, "/run/netns", "/run/bin"} {
		errs = append(errs, os.MkdirAll(dir, 0o755))
	}
	errs = append(errs, os.WriteFile("/etc/group", []byte("root:x:0:\nlinkd:x:"+group+":\n"), 0o644), os.Symlink(*binary, "/run/bin/linkd"), os.Setenv("PATH", "/run/bin:"+os.Getenv("PATH")),
		// The same clock and the same words everywhere.
		os.Setenv("TZ", "UTC"), os.Setenv("LC_ALL", "C.UTF-8"), os.Unsetenv("DOCKER_HOST"),
		exec.Command("ip", "link", "set", "lo", "up").Run())
	return errors.Join(errs...)
}

const (
	configDir = "/etc/linkd.d"
	// group is the ID of the group linkd, and member that of a user in it.
	group, member = "4711", "4712"
)
