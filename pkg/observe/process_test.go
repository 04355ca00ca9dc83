package observe_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
)

// sleeper is a program that runs in a namespace of its own. Its command line is nobody else's.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	p := exec.Command("sleep", fmt.Sprint("1", os.Getpid()))
	p.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	conform.Must(t, p.Start())
	t.Cleanup(func() { end(p) })
	// Start returns when execve(2) has closed the files of before, and the arguments come after that.
	for args := []byte(nil); !bytes.HasPrefix(args, []byte("sleep\x00")); {
		var err error
		args, err = os.ReadFile(fmt.Sprint("/proc/", p.Process.Pid, "/cmdline"))
		conform.Must(t, err)
	}
	return p
}

func end(p *exec.Cmd) {
	_ = p.Process.Kill()
	_ = p.Wait()
}

func TestAProcessEndsAndStartsAgain(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	e := listen(t, w)
	p := sleeper(t)
	line := fmt.Sprint("sleep 1", os.Getpid())
	declare(t, w, "web=process:"+line)
	seen := map[observe.Identity]bool{}
	for range 3 {
		ns, err := w.Open("web")
		conform.Must(t, err)
		if seen[ns.Identity] {
			t.Errorf("%s was an earlier process's", ns.Identity)
		}
		seen[ns.Identity] = true
		w.Release()
		end(p)
		e.hears("web", observe.NamespaceTopic)
		if _, err := w.Open("web"); said(err) != fmt.Sprintf("pending: no process of root runs %q", line) {
			t.Errorf("after its end: %v", err)
		}
		w.Release()
		p = sleeper(t)
	}
}

func TestSeveralProcessesThatASelectorMeans(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	one, two := sleeper(t), sleeper(t)
	line := fmt.Sprint("sleep 1", os.Getpid())
	declare(t, w, "web=process:"+line)
	_, err := w.Open("web")
	low, high := min(one.Process.Pid, two.Process.Pid), max(one.Process.Pid, two.Process.Pid)
	if want := fmt.Sprintf("2 processes run %q (PIDs %d %d): choose one, as in pid:%d", line, low, high, low); said(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	end(two)
	w.Release()
	if _, err := w.Open("web"); err != nil {
		t.Errorf("when one is left: %v", err)
	}
}

// Whoever gets the number of a process later is a stranger.
func TestAPIDThatIsUsedAgainIsRefused(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	e := listen(t, w)
	p := sleeper(t)
	pid := p.Process.Pid
	declare(t, w, fmt.Sprint("web=pid:", pid))
	_, err := w.Open("web")
	conform.Must(t, err)
	w.Release()
	end(p)
	e.hears("web", observe.NamespaceTopic)
	gone := fmt.Sprintf("pending: process %d has ended; change pid: to name another", pid)
	if _, err := w.Open("web"); said(err) != gone {
		t.Errorf("after its end: %v", err)
	}
	w.Release()

	withPID(t, pid)
	if _, err := w.Open("web"); said(err) != gone {
		t.Errorf("its number is a stranger's: %v", err)
	}
	w.Release()
	// Whoever writes the file anew means the process of today, which is one of the host.
	declare(t, w)
	declare(t, w, fmt.Sprint("web=pid:", pid))
	if _, err := w.Open("web"); said(err) != fmt.Sprintf(`pid:%d is the namespace that linkd itself runs in: only the name "host" may stand for it`, pid) {
		t.Errorf("declared again: %v", err)
	}
}

// withPID starts a process with that number. The kernel gives out numbers in turn, and can be told the last one;
// somebody else may be quicker.
func withPID(t *testing.T, pid int) {
	t.Helper()
	for range 200 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, pid-1), 0); errors.Is(err, os.ErrNotExist) {
			t.Skip("the kernel cannot be told which PID to use next (CONFIG_CHECKPOINT_RESTORE)")
		} else {
			conform.Must(t, err)
		}
		p := exec.Command("sleep", "1000")
		p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		conform.Must(t, p.Start())
		if p.Process.Pid == pid {
			t.Cleanup(func() { end(p) })
			return
		}
		end(p)
	}
	t.Skipf("others started processes all the time: PID %d was never free at the right moment", pid)
}

func TestAProcessThatLivesInTheHost(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	p := exec.Command("sleep", "100")
	conform.Must(t, p.Start())
	defer end(p)
	declare(t, w, fmt.Sprint("web=pid:", p.Process.Pid))
	if _, err := w.Open("web"); said(err) != fmt.Sprintf("pid:%d is the namespace that linkd itself runs in: only the name \"host\" may stand for it", p.Process.Pid) {
		t.Errorf("opened: %v", err)
	}
}

// Nor is one a second match, or in the way of what runs that command line in a namespace of its own: any user who may have
// root run a program could start it.
func TestAProcessOfTheHostIsNoMatch(t *testing.T) {
	noLeaks(t)
	w := conform.Open(t).World
	line := fmt.Sprint("1", os.Getpid())
	ofHost := exec.Command("sleep", line)
	ofHost.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	conform.Must(t, ofHost.Start())
	defer end(ofHost)
	awaitLine(t, ofHost, "sleep\x00"+line+"\x00")
	declare(t, w, "web=process:sleep "+line)
	want := fmt.Sprintf("pending: process %d runs %q, but it is in the namespace that linkd itself runs in", ofHost.Process.Pid, "sleep "+line)
	if _, err := w.Open("web"); said(err) != want {
		t.Errorf("the only one: %v, want %s", err, want)
	}
	sleeper(t)
	w.Release()
	if _, err := w.Open("web"); err != nil {
		t.Errorf("beside another: %v", err)
	}
}
