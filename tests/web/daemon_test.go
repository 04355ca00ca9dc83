package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience only ends what hangs.
const patience = 2 * time.Minute

// until waits until done returns true.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// run runs a command line, and returns its output.
func run(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// commonFlags are those of the daemon and of linkd web.
var commonFlags = []string{"--state-dir", "/run/state"}

// daemon is linkd run.
type daemon struct {
	t   *testing.T
	cmd *exec.Cmd
}

// startDaemon starts the daemon with these files, and waits until it has a status.
func startDaemon(t *testing.T, files map[string]string) *daemon {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(configDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := &daemon{t: t}
	d.start()
	return d
}

func (d *daemon) start() {
	d.t.Helper()
	log, err := os.OpenFile("/run/linkd.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command("linkd", append([]string{"run"}, commonFlags...)...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	until(d.t, "linkd run has a status", d.answers)
}

// answers reports whether the daemon has a status.
func (d *daemon) answers() bool {
	out, _ := exec.Command("linkd", "status", "-o", "json").Output()
	var status struct{ Counters struct{ Passes int } }
	return json.Unmarshal(out, &status) == nil && status.Counters.Passes > 0
}

func (d *daemon) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.t.Fatal(err)
	}
}

// usage is what a process uses: its memory in KiB, its open files, its threads, and its CPU time in ticks.
type usage struct{ memory, files, threads, ticks int }

func usageOf(t *testing.T, pid int) (u usage) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
		switch name {
		case "VmRSS":
			u.memory = n
		case "Threads":
			u.threads = n
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	u.files = len(files)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	for _, field := range fields[11:13] {
		n, _ := strconv.Atoi(field)
		u.ticks += n
	}
	return u
}

// server is linkd web. It prints an address whenever one was used.
type server struct {
	cmd       *exec.Cmd
	addresses chan string
}

// startWeb starts linkd web by a command line, such as linkd web.
func startWeb(t *testing.T, line string) *server {
	t.Helper()
	words := append(strings.Fields(line), commonFlags...)
	s := &server{cmd: exec.Command(words[0], words[1:]...), addresses: make(chan string, 100)}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.addresses)
		for in := bufio.NewScanner(out); in.Scan(); {
			s.addresses <- in.Text()
		}
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		if err := s.cmd.Wait(); err != nil {
			t.Errorf("linkd web: %v", err)
		}
	})
	return s
}

// startTrial starts linkd try without a terminal, and returns a function that waits for its end and returns what it printed.
func startTrial(t *testing.T, line string) (end func() string) {
	t.Helper()
	words := strings.Fields(line)
	cmd := exec.Command(words[0], words[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() string {
		_ = cmd.Wait()
		return out.String()
	}
}

// startBatch starts a program that does what each line says, and returns a function that gives it a line. The program goes on: linkd
// can only name a process that is there.
func startBatch(t *testing.T, line string) (do func(line string)) {
	t.Helper()
	words := strings.Fields(line)
	cmd := exec.Command(words[0], words[1:]...)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	})
	return func(line string) {
		t.Helper()
		if _, err := fmt.Fprintln(in, line); err != nil {
			t.Fatal(err)
		}
	}
}
