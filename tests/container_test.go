package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The stories about systemd run in a Debian system that systemd-nspawn(1) boots in a container, which shares only the kernel with
// this machine. A service in the container runs the story. When the service ends, the container ends with its status.
const (
	containerDir     = "/story"
	containerTests   = containerDir + "/tests" // this test binary
	containerPackage = containerDir + "/linkd.deb"
	containerSource  = containerDir + "/source" // this repository
	containerOutput  = containerDir + "/out"    // what the story says
	finishedStatus   = 70                       // a container that was only shut down ends with 0
)

const storyUnit = `[Unit]
Requires=multi-user.target
After=multi-user.target
SuccessAction=exit
SuccessActionExitStatus=%d
FailureAction=exit
[Service]
Type=oneshot
TimeoutStartSec=infinity
WorkingDirectory=%s/tests
ExecStart=%s
StandardOutput=append:%s
StandardError=inherit
`

// containerGroup is the control group of all containers that this process starts. systemd-nspawn does not ask this machine's systemd
// for a group, so it runs its container in the group in which it was started.
var containerGroup = fmt.Sprintf("linkd-story-%d", os.Getpid())

// newContainer returns a command that starts this test binary with args as the first process of new mount and PID namespaces, where
// it boots the container. The kernel ends everything in the container together with that process.
func newContainer(ctx context.Context, story string, args ...string) *exec.Cmd {
	group := filepath.Join(containerGroup, strings.TrimSuffix(filepath.Base(story), ".txtar"))
	cmd := exec.CommandContext(ctx, self(), append([]string{"-story", story, "-debian", *debian, "-group", group}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID}
	return cmd
}

// boot runs a story in a container, and returns its exit status.
func boot(story string) int {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	status, err := bootContainer(story)
	if err != nil {
		fmt.Println("boot a Debian system:", err)
		return 1
	}
	return status
}

func bootContainer(story string) (int, error) {
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		// What systemd-nspawn leaves lying about when it is killed.
		{"tmpfs", "/run", "tmpfs", 0},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return 0, fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := os.Setenv("TMPDIR", "/run"); err != nil {
		return 0, err
	}
	if err := enterGroup(*group); err != nil {
		return 0, err
	}
	source, err := filepath.Abs("..")
	if err != nil {
		return 0, err
	}
	tell := fmt.Sprintf("%s -in-container -story=%s -deb=%s -update=%v -aloud=%v", containerTests, story, containerPackage, *update, *aloud)
	unit := fmt.Sprintf(storyUnit, finishedStatus, containerSource, tell, containerOutput)
	for path, text := range map[string]string{"/run/story.service": unit, "/run/out": ""} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), storyTime+30*time.Second)
	defer cancel()
	cmd := nspawn(ctx, "--boot", "--machine=story", "--bind="+source+":"+containerSource, "--bind-ro="+self()+":"+containerTests,
		"--bind-ro="+*deb+":"+containerPackage, "--bind=/run/out:"+containerOutput,
		"--bind-ro=/run/story.service:/etc/systemd/system/story.service", "--", "systemd.unit=story.service")
	console, err := cmd.CombinedOutput()
	said, _ := os.ReadFile("/run/out")
	fmt.Printf("%s", said)
	status := cmd.ProcessState.ExitCode()
	switch {
	case status == finishedStatus:
		return 0, nil
	case status > 0 && len(said) > 0:
		return status, nil
	}
	return 0, fmt.Errorf("it ended without a word of the story: %w\n%s", err, console)
}

// nspawn returns a command that runs the systemd-nspawn of the container's own Debian with its libraries: this machine may have
// another version or none.
func nspawn(ctx context.Context, args ...string) *exec.Cmd {
	one := func(pattern string) string {
		found, err := filepath.Glob(*debian + pattern)
		if err != nil || len(found) == 0 {
			panic(fmt.Sprintf("%s has no %s", *debian, pattern))
		}
		return found[0]
	}
	libraries := one("/usr/lib/*-linux-gnu")
	return exec.CommandContext(ctx, one("/usr/lib*/ld-linux-*.so.*"), append([]string{
		"--library-path", libraries + ":" + libraries + "/systemd", *debian + "/usr/bin/systemd-nspawn",
		"--quiet", "--directory=" + *debian, "--volatile=overlay", "--private-network", "--register=no", "--keep-unit",
		"--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe",
	}, args...)...)
}

// enterGroup moves this process into a control group of its own, in each hierarchy that systemd keeps its units in.
func enterGroup(name string) error {
	entered := false
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		if _, err := os.Stat(hierarchy + "/cgroup.procs"); err != nil {
			continue
		}
		dir := filepath.Join(hierarchy, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(dir+"/cgroup.procs", []byte("0"), 0o644); err != nil {
			return err
		}
		entered = true
	}
	if !entered {
		return errors.New("/sys/fs/cgroup has no control groups that systemd could use")
	}
	return nil
}

// prepareContainer prepares the booted Debian for a story: it installs linkd without starting it.
func prepareContainer() error {
	for _, args := range [][]string{{"dpkg", "--install", *deb}, {"systemctl", "stop", "linkd"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return enterPrograms(nil)
}
