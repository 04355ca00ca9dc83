package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// programsDir holds the linkd under test, under its own name whatever file it was given as.
	programsDir = "/run/story/bin"
	// cardsEnv is set where there are network cards for stories to take.
	cardsEnv = "LINKD_TEST_CARDS"
	// ordinaryUser tells the process in the sandbox, which is root there, that it was started without being it.
	ordinaryUser = "LINKD_STORY_ORDINARY_USER"
)

// sandbox returns this test binary, to be started with args as the first process of new network, mount and PID
// namespaces. All that a story makes lives in them, and goes with that process.
//
// A story that asks for network cards stays in the machine's own network, for there a card goes when the namespace that
// it is in ends.
func sandbox(ctx context.Context, story string, args ...string) *exec.Cmd {
	line := append([]string{self(), "-story", story}, args...)
	if os.Geteuid() != 0 {
		// A network made together with the user namespace has no root yet when x_tables asks for it, and iptables-legacy cannot
		// list its tables (xt_proto_init in net/netfilter/x_tables.c).
		line = append([]string{"unshare", "--net"}, line...)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC,
	}
	if text, err := os.ReadFile(story); err == nil && os.Getenv(cardsEnv) != "" && strings.Contains(string(text), "[!cards]") {
		cmd.SysProcAttr.Cloneflags &^= unix.CLONE_NEWNET
	}
	if os.Geteuid() != 0 {
		cmd.Env = append(os.Environ(), ordinaryUser+"=1")
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.Cloneflags &^= unix.CLONE_NEWNET
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// self is the file of this test binary.
func self() string {
	file, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return file
}

// enterPrograms has the story find files, by the names that they are to have, before the machine's programs, and make its
// own files where they vanish with the sandbox's /run.
func enterPrograms(files map[string]string) error {
	if err := os.MkdirAll(programsDir, 0o755); err != nil {
		return err
	}
	for name := range smallPrograms {
		if err := os.Symlink(self(), filepath.Join(programsDir, name)); err != nil {
			return err
		}
	}
	for name, file := range files {
		if err := os.Symlink(file, filepath.Join(programsDir, name)); err != nil {
			return err
		}
	}
	// The PATH of an ordinary user often lacks the directories of ip.
	return errors.Join(
		os.Setenv("TMPDIR", filepath.Dir(programsDir)),
		os.Setenv("PATH", programsDir+":"+os.Getenv("PATH")+":/usr/sbin:/sbin"),
	)
}

// underTest are the programs that a story is to find before the machine's.
func underTest() (files map[string]string, err error) {
	files = map[string]string{"linkd": *binary}
	if *etcd != "" {
		files["etcd"] = *etcd
		for _, name := range []string{"machines", "node"} {
			if files[name], err = filepath.Abs("fleet/" + name); err != nil {
				return nil, err
			}
		}
	}
	if *backend == "" {
		return files, nil
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, tool := range []string{"", "-save", "-restore"} {
			if files[family+tool], err = exec.LookPath(family + "-" + *backend + tool); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// enter makes the sandbox this process was started in a machine of its own: /proc, /sys, an empty /run, an /etc and a
// /var/lib that can be written, and a network that is the same on every machine.
//
// It fails unless this is the first process of its PID namespace: -story by hand would otherwise cover the machine's directories.
func enter() error {
	if os.Getpid() != 1 {
		return errors.New("a story runs in new namespaces, which only the test makes: use -run")
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	mounts := []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		// A container engine cannot do without the machine's control groups.
		{"/sys/fs/cgroup", "/run/cgroup", "", unix.MS_BIND | unix.MS_REC},
		{"sysfs", "/sys", "sysfs", 0},
		{"/run/cgroup", "/sys/fs/cgroup", "", unix.MS_MOVE},
		{"/etc", "/run/etc", "", unix.MS_BIND | unix.MS_REC},
		{"tmpfs", "/etc", "tmpfs", 0},
		{"/var/lib", "/run/lib", "", unix.MS_BIND | unix.MS_REC},
		{"tmpfs", "/var/lib", "tmpfs", 0},
	}
	for _, m := range mounts {
		if filepath.Dir(m.target) == "/run" {
			if err := os.Mkdir(m.target, 0o755); err != nil {
				return err
			}
		}
		err := unix.Mount(m.source, m.target, m.kind, m.flags, "")
		if errors.Is(err, unix.EBUSY) && m.kind == "sysfs" {
			// It shows the machine's own network already.
			err = nil
		}
		if err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	// What others may write, linkd does not read as root.
	unix.Umask(0o022)
	// Links to the machine's own files, because an overlay file system is not to be had everywhere.
	for of, links := range map[string]string{"/run/etc": "/etc", "/run/lib": "/var/lib"} {
		entries, err := os.ReadDir(of)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if notOfTheMachine[e.Name()] {
				continue
			}
			if err := os.Symlink(filepath.Join(of, e.Name()), filepath.Join(links, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := copyNames(); err != nil {
		return err
	}
	for name, text := range etcFiles {
		if err := os.WriteFile("/etc/"+name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/etc/linkd.d", "/run/netns"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	files, err := underTest()
	if err != nil {
		return err
	}
	if err := enterPrograms(files); err != nil {
		return err
	}
	// A new network namespace inherits the machine's forwarding.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0); err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	return nil
}

// etcFiles are the users and groups of every sandbox, where to look for them, and the names of hosts: a machine on which
// linkd is installed has the group linkd.
var etcFiles = map[string]string{
	"passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
	"group":         "root:x:0:\nnogroup:x:65534:\n",
	"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	"hosts":         "127.0.0.1 localhost\n::1 localhost\n",
}

// notOfTheMachine are the names in /etc that a sandbox does not take over from the machine: what the machine says of
// linkd, of users, of networks and of container engines, and what it holds of the names for protocols, which is copied.
var notOfTheMachine = map[string]bool{
	"cni": true, "containers": true, "docker": true, "group": true, "hosts": true, "iproute2": true, "linkd": true, "linkd.d": true,
	"netplan": true, "network": true, "NetworkManager": true, "nsswitch.conf": true, "passwd": true, "sysctl.conf": true,
	"sysctl.d": true, "systemd": true, "udev": true,
}

// copyNames gives the sandbox the names that ip(8) has for protocols and tables, but for those that come with linkd's
// package: it may be installed on one machine and not on the next.
func copyNames() error {
	if _, err := os.Stat("/run/etc/iproute2"); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.CopyFS("/etc/iproute2", os.DirFS("/run/etc/iproute2")); err != nil {
		return err
	}
	return os.RemoveAll("/etc/iproute2/rt_protos.d/linkd.conf")
}
