package observe_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// nobody is a user who has no rights. Others are one more.
const nobody, others = 4000, 4001

// imposter starts a shell command as a user, in a network namespace of its own made by that user, as
// `unshare --user --map-root-user --net` makes it; or as the user in a namespace that root made.
func imposter(t *testing.T, uid uint32, ownUserNamespace bool, line ...string) *exec.Cmd {
	t.Helper()
	args := slices.Concat([]string{"--reuid", fmt.Sprint(uid), "--regid", fmt.Sprint(uid), "--clear-groups"}, line)
	p := exec.Command("setpriv", args...)
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if ownUserNamespace {
		p.Args = slices.Concat([]string{"setpriv"}, args[:5], []string{"unshare", "--user", "--map-root-user", "--net"}, line)
	} else {
		p.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
	}
	conform.Must(t, p.Start())
	t.Cleanup(func() { end(p) })
	awaitLine(t, p, strings.Join(line, "\x00")+"\x00")
	return p
}

// awaitLine waits until a process has a command line.
func awaitLine(t *testing.T, p *exec.Cmd, want string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		args, err := os.ReadFile(fmt.Sprint("/proc/", p.Process.Pid, "/cmdline"))
		conform.Must(t, err)
		if string(args) == want {
			return
		}
		// While a program is being replaced, it has no arguments.
		status, err := os.ReadFile(fmt.Sprint("/proc/", p.Process.Pid, "/status"))
		conform.Must(t, err)
		if strings.Contains(string(status), "State:\tZ") || time.Now().After(deadline) {
			t.Skipf("this kernel lets no ordinary user make a user namespace: the process runs %q", args)
		}
	}
}

// declareUser tells the world of one namespace that is found by a process of a user.
func declareUser(t *testing.T, w *observe.World, name, line, user string) {
	t.Helper()
	w.Release()
	w.Declare(map[string]spec.Namespace{name: {Name: name, Selector: spec.Selector{Scheme: "process", Value: line, User: user}}})
}

func TestAnotherUsersProcessIsNoMatch(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	needUsers(t)
	line := []string{"sleep", fmt.Sprint("2", os.Getpid())}
	text := strings.Join(line, " ")
	none := fmt.Sprintf("pending: no process of root runs %q", text)

	for _, own := range []bool{true, false} {
		p := imposter(t, nobody, own, line...)
		declareUser(t, w, "web", text, "")
		if _, err := w.Open("web"); said(err) != none {
			t.Errorf("own user namespace %t: %v, want %s", own, err, none)
		}
		// The entry that names the user finds it, by its ID as well.
		declareUser(t, w, "web", text, fmt.Sprint(nobody))
		if _, err := w.Open("web"); err != nil {
			t.Errorf("own user namespace %t: with user: %v", own, err)
		}
		declareUser(t, w, "web", text, fmt.Sprint(others))
		if _, err := w.Open("web"); said(err) != fmt.Sprintf("pending: no process of user %d runs %q", others, text) {
			t.Errorf("own user namespace %t: with another user: %v", own, err)
		}
		end(p)
	}

	declareUser(t, w, "web", text, "no-such-user")
	if _, err := w.Open("web"); said(err) != `pending: there is no user "no-such-user" in /etc/passwd: create the user, or write the user ID` {
		t.Errorf("an unknown user: %v", err)
	}
}

// The real process stays the one, whoever runs the same.
func TestAnotherUsersProcessIsNoAmbiguity(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	needUsers(t)
	real := sleeper(t)
	text := fmt.Sprint("sleep 1", os.Getpid())
	imposter(t, nobody, true, "sleep", fmt.Sprint("1", os.Getpid()))
	imposter(t, others, false, "sleep", fmt.Sprint("1", os.Getpid()))
	declareUser(t, w, "web", text, "")
	ns, err := w.Open("web")
	conform.Must(t, err)
	if ns.Path != fmt.Sprintf("/proc/%d/ns/net", real.Process.Pid) {
		t.Errorf("found %s", ns.Path)
	}
}

// A setuid program runs with the effective ID of root, and arguments of its user's choice.
func TestASetuidProgramIsItsUsers(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	needUsers(t)
	text := fmt.Sprint("sleep 3", os.Getpid())
	// The program is a copy of sleep, in a directory that everybody can enter.
	dir, err := os.MkdirTemp("/run", "setuid")
	conform.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	conform.Must(t, os.Chmod(dir, 0o755))
	program, err := exec.LookPath("sleep")
	conform.Must(t, err)
	binary, err := os.ReadFile(program)
	conform.Must(t, err)
	conform.WriteProgram(t, filepath.Join(dir, "sleep"), binary)
	conform.Must(t, os.Chmod(filepath.Join(dir, "sleep"), 0o755|os.ModeSetuid))
	p := &exec.Cmd{Path: filepath.Join(dir, "sleep"), Args: strings.Fields(text), SysProcAttr: &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL, Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
	}}
	conform.Must(t, p.Start())
	t.Cleanup(func() { end(p) })
	awaitLine(t, p, strings.ReplaceAll(text, " ", "\x00")+"\x00")
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid)); err != nil || !strings.Contains(string(status), fmt.Sprintf("Uid:\t%d\t0\t0\t0", nobody)) {
		t.Skipf("setuid programs have no effect here: %v", err)
	}
	declareUser(t, w, "web", text, "")
	if _, err := w.Open("web"); said(err) != fmt.Sprintf("pending: no process of root runs %q", text) {
		t.Errorf("root's: %v", err)
	}
	declareUser(t, w, "web", text, fmt.Sprint(nobody))
	if _, err := w.Open("web"); said(err) != fmt.Sprintf("pending: no process of user %d runs %q", nobody, text) {
		t.Errorf("the user's: %v", err)
	}
}

// Root in a user namespace that root made has rights there only, and is not the root that linkd trusts unless the entry
// says so.
func TestANetworkOfAnotherUserNamespace(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	text := fmt.Sprint("sleep 4", os.Getpid())
	p := exec.Command("sleep", fmt.Sprint("4", os.Getpid()))
	p.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}},
	}
	conform.Must(t, p.Start())
	t.Cleanup(func() { end(p) })
	awaitLine(t, p, strings.ReplaceAll(text, " ", "\x00")+"\x00")
	declareUser(t, w, "web", text, "")
	want := fmt.Sprintf("pending: process %d runs %q, but the network namespace belongs to another user namespace than linkd's own", p.Process.Pid, text)
	if _, err := w.Open("web"); said(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	declareUser(t, w, "web", text, "root")
	if _, err := w.Open("web"); err != nil {
		t.Errorf("with user: %v", err)
	}
}

// The PID of the files is, after its process, any user's who starts enough processes.
func TestAPIDOfAnotherUser(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	needUsers(t)
	file := filepath.Join(t.TempDir(), "a.yaml")
	conform.Must(t, os.WriteFile(file, nil, 0o644))
	p := imposter(t, nobody, true, "sleep", fmt.Sprint("5", os.Getpid()))
	pid := fmt.Sprint(p.Process.Pid)
	declareAt := func() error {
		w.Release()
		w.Declare(nil)
		w.Declare(map[string]spec.Namespace{"web": {Name: "web", Selector: spec.Selector{Scheme: "pid", Value: pid}, Source: spec.Source{File: file}}})
		_, err := w.Open("web")
		return err
	}
	// The file is of now: it means this process.
	conform.Must(t, declareAt())
	// The two clocks may be that far apart, and nobody can give a file or a process another time.
	<-time.After(2100 * time.Millisecond)
	p = imposter(t, nobody, true, "sleep", fmt.Sprint("5", os.Getpid()))
	pid = fmt.Sprint(p.Process.Pid)
	want := fmt.Sprintf("pending: process %s is not root's and started after %s was written, so the file may mean an earlier process: if it means this one, run touch %[2]s", pid, file)
	if err := declareAt(); said(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	conform.Must(t, os.Chtimes(file, time.Now(), time.Now()))
	conform.Must(t, declareAt())
}

func needUsers(t *testing.T) {
	t.Helper()
	f, err := os.Open("/proc/self/uid_map")
	conform.Must(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var first, outside, count uint32
		if _, err := fmt.Sscan(lines.Text(), &first, &outside, &count); err == nil && first == 0 && count > others {
			return
		}
	}
	t.Skip("needs more than one user")
}
