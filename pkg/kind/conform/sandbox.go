// Package conform is the test suite that every kind passes on the real kernel. The tests run in namespaces of their own.
package conform

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// inSandbox is an environment variable that Main sets for the process that it starts in the sandbox.
const inSandbox = "LINKD_CONFORM_SANDBOX"

// notHere is why this process is in no sandbox; "" if it is in one.
var notHere = "the test binary's TestMain does not call conform.Main"

// Main runs a test binary in network and mount namespaces of its own, with an empty /run, so that what it takes for
// the host is nobody's. Without root, the tests that need the kernel are skipped, and the others run.
func Main(m *testing.M) {
	if os.Getenv(inSandbox) != "" {
		notHere = ""
		if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
			notHere = fmt.Sprintf("no /run of its own: %v", err)
		} else if err := os.Mkdir(observe.NetnsDir, 0o755); err != nil {
			notHere = err.Error()
		} else if err := unix.Mount("tmpfs", observe.NetnsDir, "tmpfs", 0, ""); err != nil {
			// As ip-netns(8) leaves it: a mount of its own, which can be shared.
			notHere = err.Error()
		}
		os.Exit(m.Run())
	}
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasPrefix(arg, "-test.fuzz") }) {
		// go test speaks to the processes that fuzz by file descriptors, which another process would not have.
		notHere = "no sandbox while fuzzing"
		os.Exit(m.Run())
	}
	if os.Geteuid() != 0 {
		notHere = "needs root, to make network namespaces"
		os.Exit(m.Run())
	}
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Env = append(os.Environ(), inSandbox+"=1")
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Unlike Cloneflags, Unshareflags keep the mounts from being seen outside (mount_namespaces(7)).
	self.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	err := self.Start()
	if err != nil {
		notHere = fmt.Sprintf("no namespaces to be had: %v", err)
		os.Exit(m.Run())
	}
	var exit *exec.ExitError
	if err := self.Wait(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(self.ProcessState.ExitCode())
}

// Lab is a fresh network namespace, declared as "lab", with its loopback device down and nothing else in it.
type Lab struct {
	World *observe.World
	NS    *observe.NS
}

// LabName is the lab's name in the files.
const LabName = "lab"

// NeedsSandbox skips the test where there is no sandbox.
func NeedsSandbox(t *testing.T) {
	t.Helper()
	if notHere != "" {
		t.Skip(notHere)
	}
}

// Open makes a lab that is gone when the test ends. It skips the test where there is no sandbox.
func Open(t *testing.T) *Lab {
	t.Helper()
	NeedsSandbox(t)
	path := observe.NetnsDir + "/" + LabName
	Must(t, os.WriteFile(path, nil, 0o444))
	t.Cleanup(func() { Must(t, os.Remove(path)) })
	Must(t, observe.NewNamespace(func(from string) error { return unix.Mount(from, path, "", unix.MS_BIND, "") }))
	t.Cleanup(func() { Must(t, unix.Unmount(path, unix.MNT_DETACH)) })

	world, err := observe.NewWorld()
	Must(t, err)
	t.Cleanup(world.Close)
	world.Declare(map[string]spec.Namespace{LabName: {Name: LabName, Selector: spec.Selector{Scheme: "name", Value: LabName}}})
	ns, err := world.Open(LabName)
	Must(t, err)
	return &Lab{World: world, NS: ns}
}

// IP runs the lines of a script as ip(8) in the lab.
func (lab *Lab) IP(t *testing.T, script string) {
	t.Helper()
	lab.batch(t, "ip", script)
}

// TC runs the lines of a script as tc(8) in the lab.
func (lab *Lab) TC(t *testing.T, script string) {
	t.Helper()
	lab.batch(t, "tc", script)
}

func (lab *Lab) batch(t *testing.T, program, script string) {
	t.Helper()
	if script == "" {
		return
	}
	cmd := exec.Command(program, "-n", LabName, "-batch", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", program, err, out, script)
	}
	lab.NS.Forget()
}

// IP runs ip(8) in the sandbox's host, with words that have no blanks in them, and returns what it prints.
func IP(t *testing.T, args string) string {
	t.Helper()
	return output(t, "ip", args)
}

// TC does the same with tc(8).
func TC(t *testing.T, args string) string {
	t.Helper()
	return output(t, "tc", args)
}

func output(t *testing.T, program, args string) string {
	t.Helper()
	out, err := exec.Command(program, strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, args, err, out)
	}
	return string(out)
}

// Must ends the test if err is one. A property's test (rapid) has a TB of its own.
func Must(t interface {
	Helper()
	Fatal(args ...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
