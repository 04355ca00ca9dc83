package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settle is how long the kernel goes on about what is new: IPv6 detects duplicates, and solicits routers.
	settle = 20 * time.Second
	// pause is the time between two events, and rest that after a series: for what the kernel says later.
	pause = 100 * time.Millisecond
	rest  = 4 * time.Second
	// patience is how long a repair may take.
	patience = 20 * time.Second
	// asking is the time between two questions whether it is done. Each takes the lock that linkd needs, too (rtnl).
	asking   = 20 * time.Millisecond
	idleSpan = 30 * time.Second
)

// daemon is a linkd that runs.
type daemon struct {
	dir    string
	linkd  string
	during string
	cmd    *exec.Cmd
	said   bytes.Buffer
}

func start(s settings, files ...string) (*daemon, error) {
	dir, err := os.MkdirTemp("/run", "cost-")
	if err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, linkd: s.linkd, during: s.during}
	if err := os.Mkdir(d.config(), 0o755); err != nil {
		return nil, err
	}
	if err := d.write(files...); err != nil {
		return nil, err
	}
	d.cmd = exec.Command(s.linkd, "run", "--config", d.config(), "--runtime-dir", filepath.Join(dir, "run"))
	d.cmd.Stdout, d.cmd.Stderr = nil, &d.said
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "run", "linkd.sock")); err == nil {
			break
		}
		if time.Since(begin) > time.Minute {
			return nil, d.failure(fmt.Errorf("no control socket after a minute"))
		}
	}
	if err := d.wait(); err != nil {
		return nil, d.failure(err)
	}
	time.Sleep(settle)
	return d, nil
}

func (d *daemon) config() string { return filepath.Join(d.dir, "linkd.d") }

// write replaces each file at once, as editors do.
func (d *daemon) write(files ...string) error {
	aside := filepath.Join(d.dir, "new")
	for i, text := range files {
		if err := os.WriteFile(aside, []byte(text), 0o644); err != nil {
			return err
		}
		if err := os.Rename(aside, filepath.Join(d.config(), fmt.Sprintf("%d.yaml", i))); err != nil {
			return err
		}
	}
	return nil
}

func (d *daemon) wait() error {
	out, err := exec.Command(d.linkd, "wait", "--timeout", "600s", "--config", d.config(), "--runtime-dir", filepath.Join(d.dir, "run")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("linkd wait: %w: %s", err, out)
	}
	return nil
}

func (d *daemon) failure(err error) error {
	said := d.said.String()
	return fmt.Errorf("%w\n%s", err, said[max(0, len(said)-2000):])
}

func (d *daemon) end() error {
	if err := d.cmd.Process.Signal(unix.SIGTERM); err != nil {
		return err
	}
	return d.cmd.Wait()
}

// cpu is the CPU time that the daemon has spent, in nanoseconds as the scheduler counts them.
func (d *daemon) cpu() (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^d.cmd.Process.Pid<<3|scheduler), &t); err != nil {
		return 0, fmt.Errorf("CPU clock of the daemon: %w", err)
	}
	return time.Duration(t.Nano()), nil
}

// each is the CPU time per event of a series. An event returns when it has been dealt with.
func (d *daemon) each(events int, event func(i int) error) (time.Duration, error) {
	before, err := d.cpu()
	if err != nil {
		return 0, err
	}
	var during *exec.Cmd
	if d.during != "" {
		during = exec.Command("sh", "-c", d.during)
		during.Env = append(os.Environ(), "PID="+strconv.Itoa(d.cmd.Process.Pid))
		during.Stderr = os.Stderr
		if err := during.Start(); err != nil {
			return 0, err
		}
	}
	for i := range events {
		if err := event(i); err != nil {
			return 0, d.failure(fmt.Errorf("event %d: %w", i, err))
		}
		time.Sleep(pause)
	}
	time.Sleep(rest)
	after, err := d.cpu()
	if during != nil {
		_ = during.Process.Signal(unix.SIGINT)
		_ = during.Wait()
	}
	return (after - before) / time.Duration(events), err
}

// idle is the part of a CPU that the daemon takes when nothing happens.
func (d *daemon) idle() (float64, error) {
	time.Sleep(settle)
	before, err := d.cpu()
	if err != nil {
		return 0, err
	}
	from := time.Now()
	time.Sleep(idleSpan)
	after, err := d.cpu()
	return float64(after-before) / float64(time.Since(from)), err
}

// resident is the most memory that the daemon has had, in bytes.
func (d *daemon) resident() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if key, value, _ := strings.Cut(line, ":"); key == "VmHWM" {
			n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in the daemon's status")
}

// until calls done until it is true.
func until(what string, done func() bool) error {
	for begin := time.Now(); !done(); time.Sleep(asking) {
		if time.Since(begin) > patience {
			return fmt.Errorf("no %s after %v", what, patience)
		}
	}
	return nil
}

// reload has the daemon read its files, and returns when that has been acted upon.
func (d *daemon) reload() error {
	out, err := exec.Command(d.linkd, "reload", "--runtime-dir", filepath.Join(d.dir, "run")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("linkd reload: %w: %s", err, out)
	}
	return nil
}
