package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	settle   = 20 * time.Second // IPv6 detects duplicates for 2 s, then solicits routers three times, 4 s apart
	idleSpan = 30 * time.Second
)

// daemonNumbers is what `linkd run` costs and does at one size.
type daemonNumbers struct {
	n         int
	converged spent         // from the start to the end of `linkd wait`, with no links at the start
	resident  int64         // bytes: the most seen
	threads   int           // the most seen
	settling  time.Duration // CPU time from converged until the kernel had no more news of the new links
	idle      float64       // part of one CPU
	repairs   repairs
}

func measureDaemon(binary string, g *ground) (daemonNumbers, error) {
	d := daemonNumbers{n: len(g.wires)}
	if err := g.reset(); err != nil {
		return d, err
	}
	dir := filepath.Join(g.dir, daemonName)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return d, err
	}
	defer os.RemoveAll(dir)
	config, runtimeDir, err := writeConfig(dir, g.wires, "")
	if err != nil {
		return d, err
	}
	start := time.Now()
	daemon, err := inBackground(exec.Command(binary, "run", "--config", config, "--runtime-dir", runtimeDir))
	if err != nil {
		return d, err
	}

	err = observe(&d, g, daemon.pid(), start, func() error {
		return runOne(exec.Command(binary, "wait", "--timeout", "60s", "--config", config, "--runtime-dir", runtimeDir))
	}, filepath.Join(runtimeDir, "linkd.sock"))

	if stopped := daemon.end(); err == nil {
		err = stopped
	}
	if err != nil {
		return d, fmt.Errorf("%w\n%s", err, &daemon.said)
	}
	return d, g.reset()
}

// observe fills d from a daemon that has just been started.
func observe(d *daemonNumbers, g *ground, pid int, start time.Time, wait func() error, socket string) error {
	for absent(socket) != "" {
		if time.Since(start) > time.Minute {
			return fmt.Errorf("no control socket %s after a minute", socket)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := wait(); err != nil {
		return err
	}
	d.converged.wall = time.Since(start)
	var err error
	if d.converged.cpu, err = cpuTime(pid); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return fmt.Errorf("not the state that was asked for: %w", err)
	}
	if err := d.sample(pid); err != nil {
		return err
	}
	time.Sleep(settle)
	before, err := cpuTime(pid)
	if err != nil {
		return err
	}
	d.settling = before - d.converged.cpu
	from := time.Now()
	time.Sleep(idleSpan)
	after, err := cpuTime(pid)
	if err != nil {
		return err
	}
	d.idle = float64(after-before) / float64(time.Since(from))
	if err := d.sample(pid); err != nil {
		return err
	}
	if d.repairs, err = measureRepairs(g); err != nil {
		return err
	}
	if err := d.sample(pid); err != nil {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return fmt.Errorf("not the state that was asked for, after the repairs: %w", err)
	}
	return nil
}

// sample keeps the largest memory and thread count seen.
func (d *daemonNumbers) sample(pid int) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		if key != "VmRSS" && key != "Threads" {
			continue
		}
		n, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		if err != nil {
			return err
		}
		if key == "VmRSS" {
			d.resident = max(d.resident, n<<10)
		} else {
			d.threads = max(d.threads, int(n))
		}
	}
	return nil
}

// cpuTime is what utime and stime of /proc/PID/stat add up to, read from the process's CPU clock instead: stat
// counts in steps of 10 ms, and the wanted number is 10 ms in 10 s.
func cpuTime(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED: nanoseconds that the scheduler counted
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &t); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
