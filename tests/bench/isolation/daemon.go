package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is a linkd at work.
type daemon struct {
	*exec.Cmd
	dir, linkd string
}

// startDaemon starts linkd with files that declare both namespaces, and waits until it has converged.
func (e evil) startDaemon(linkd, dir string) (*daemon, error) {
	var text strings.Builder
	text.WriteString("namespaces:\n  good: {}\n  evil: {iptables: {masquerade: [{out: lo}]}}\nlinks:\n")
	text.WriteString("  good: {kind: existing, netns: good, name: lo, addresses: [")
	for i := range repairs {
		fmt.Fprintf(&text, "10.0.0.%d/32, ", i+1)
	}
	text.WriteString("]}\n")
	if err := os.WriteFile(filepath.Join(dir, "config", "a.yaml"), []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, linkd: linkd, Cmd: exec.Command(linkd, "run", "--config", filepath.Join(dir, "config"), "--runtime-dir", filepath.Join(dir, "run"))}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	d.Stderr, d.SysProcAttr = log, &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if e.program != "" {
		if err := e.replaceSave(dir); err != nil {
			return nil, err
		}
		d.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "programs")+":"+os.Getenv("PATH"))
	}
	if err := d.Start(); err != nil {
		return nil, err
	}
	wait := exec.Command(linkd, "wait", "--timeout", "60s", "--runtime-dir", filepath.Join(dir, "run"))
	if out, err := wait.CombinedOutput(); err != nil && e.program == "" {
		return nil, fmt.Errorf("wait: %w\n%s", err, out)
	}
	return d, nil
}

// replaceSave makes programs that in evil do something else than iptables-save.
func (e evil) replaceSave(dir string) error {
	programs := filepath.Join(dir, "programs")
	if err := os.MkdirAll(programs, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"iptables-save", "iptables-nft-save", "iptables-legacy-save"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		script := "#!/bin/sh\nif [ /proc/self/ns/net -ef /run/netns/evil ]; then\n" + e.program + "\nfi\nexec " + path + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(programs, name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (d *daemon) stop() {
	if d.ProcessState == nil {
		_ = d.Process.Kill()
		_ = d.Wait()
	}
}

// memory is the most that linkd has taken so far, in bytes.
func (d *daemon) memory() (peak int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.Process.Pid))
	for _, line := range strings.Split(string(text), "\n") {
		if rest, is := strings.CutPrefix(line, "VmHWM:"); is {
			fmt.Sscan(rest, &peak)
		}
	}
	return peak << 10
}

func (d *daemon) lines() int {
	text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	return bytes.Count(text, []byte("\n"))
}

// says is what status says of evil, in a word, and how soon that and a reload are answered.
func (d *daemon) says() string {
	ask := func(args ...string) (string, time.Duration) {
		start := time.Now()
		out, _ := exec.Command(d.linkd, append(args, "--runtime-dir", filepath.Join(d.dir, "run"))...).CombinedOutput()
		return string(out), time.Since(start)
	}
	_, reload := ask("reload")
	text, status := ask("status")
	state := ""
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if strings.Contains(line, "does not keep up") || strings.HasPrefix(line, "failed") || strings.HasPrefix(line, "conver") || strings.HasPrefix(line, "degraded") {
			state += strings.Join(strings.Fields(line), " ") + "; "
		}
	}
	return fmt.Sprintf("%sreload %.1f s, status %.2f s", state, reload.Seconds(), status.Seconds())
}
