package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bench does one job after the other, each in a new namespace.
type bench struct {
	settings
	dir        string
	namespaces int
	results    results
}

// spent is what a program took, with its children (getrusage(2)).
type spent struct{ wall, cpu time.Duration }

func (s spent) plus(other spent) spent { return spent{s.wall + other.wall, s.cpu + other.cpu} }

// run runs a program, optionally in a namespace and with a file as its input, and returns what it printed.
func run(in, input string, command ...string) (spent, []byte, error) {
	if in != "" {
		command = append([]string{"ip", "netns", "exec", in}, command...)
	}
	c := exec.Command(command[0], command[1:]...)
	var out, complaint bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaint
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if input != "" {
		f, err := os.Open(input)
		if err != nil {
			return spent{}, nil, err
		}
		defer f.Close()
		c.Stdin = f
	}
	start := time.Now()
	err := c.Run()
	if err != nil {
		text := append(out.Bytes(), complaint.Bytes()...)
		return spent{}, nil, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, text[max(0, len(text)-2000):])
	}
	return spent{time.Since(start), c.ProcessState.UserTime() + c.ProcessState.SystemTime()}, out.Bytes(), nil
}

// namespace makes a new namespace with a veth pair that is up, and returns its name.
func (b *bench) namespace() (string, error) {
	b.namespaces++
	name := fmt.Sprintf("bulk%d", b.namespaces)
	for _, command := range []string{
		"ip netns add " + name,
		"ip -n " + name + " link add v0 type veth peer name v1",
		"ip -n " + name + " link set v1 up",
		"ip -n " + name + " link set v0 up",
		"ip -n " + name + " addr add 10.18.0.254/16 dev v0",
	} {
		if _, _, err := run("", "", strings.Fields(command)...); err != nil {
			return "", err
		}
	}
	return name, nil
}

func (b *bench) write(name, text string) (path string, err error) {
	path = filepath.Join(b.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// apply has linkd apply a file to a namespace.
func (b *bench) apply(namespace, text string) (spent, error) {
	config, err := b.write(namespace+".yaml", text)
	if err != nil {
		return spent{}, err
	}
	took, _, err := run("", "", b.linkd, "apply", "--config", config, "--runtime-dir", filepath.Join(b.dir, "run-"+namespace))
	return took, err
}

// firewall has linkd make rules, find nothing to do, and change one. The same rules are then loaded by iptables-restore
// into a namespace of their own, and listed there by iptables-save.
func (b *bench) firewall(name string, keys func(edited bool) string) error {
	text := func(namespace string, edited bool) string {
		return "namespaces:\n  " + namespace + ":\n    iptables:\n" + keys(edited)
	}
	mine, err := b.namespace()
	if err != nil {
		return err
	}
	first, err := b.apply(mine, text(mine, false))
	if err != nil {
		return err
	}
	second, err := b.apply(mine, text(mine, false))
	if err != nil {
		return err
	}
	edit, err := b.apply(mine, text(mine, true))
	if err != nil {
		return err
	}
	_, saved, err := run(mine, "", "iptables-save")
	if err != nil {
		return err
	}
	file, err := b.write("rules", string(saved))
	if err != nil {
		return err
	}
	theirs, err := b.namespace()
	if err != nil {
		return err
	}
	restore, _, err := run(theirs, file, "iptables-restore")
	if err != nil {
		return err
	}
	save, _, err := run(theirs, "", "iptables-save")
	if err != nil {
		return err
	}
	both := save.plus(restore)
	b.results.add(name+": first", "iptables-restore and iptables-save", 3, first, both)
	b.results.add(name+": second, nothing to do", "iptables-restore and iptables-save", 2, second, both)
	b.results.add(name+": one edited", "iptables-restore and iptables-save", 2, edit, both)
	return b.remove(mine, theirs)
}

// table has linkd and ip -batch add the same routes.
func (b *bench) table(name string, n int) error {
	mine, err := b.namespace()
	if err != nil {
		return err
	}
	var text, batch strings.Builder
	fmt.Fprintf(&text, "namespaces: {%s: {}}\nlinks:\n  v0:\n    kind: existing\n    netns: %[1]s\n    routes:\n", mine)
	for i := range n {
		to := netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)})
		fmt.Fprintf(&text, "      - {to: %s/32, via: 10.18.0.1}\n", to)
		fmt.Fprintf(&batch, "route add %s/32 via 10.18.0.1 dev v0\n", to)
	}
	first, err := b.apply(mine, text.String())
	if err != nil {
		return err
	}
	second, err := b.apply(mine, text.String())
	if err != nil {
		return err
	}
	theirs, err := b.namespace()
	if err != nil {
		return err
	}
	file, err := b.write("batch", batch.String())
	if err != nil {
		return err
	}
	other, _, err := run("", "", "ip", "-n", theirs, "-batch", file)
	if err != nil {
		return err
	}
	b.results.add(name+": first", "ip -batch", 1.2, first, other)
	b.results.add(name+": second, nothing to do", "ip -batch", 0, second, other)
	return b.remove(mine, theirs)
}

func (b *bench) remove(namespaces ...string) error {
	for _, name := range namespaces {
		if _, _, err := run("", "", "ip", "netns", "del", name); err != nil {
			return err
		}
	}
	return nil
}

// publish are n publish entries, and the same with another target of one.
func publish(n int) func(edited bool) string {
	return func(edited bool) string {
		var b strings.Builder
		b.WriteString("      publish:\n")
		for i := range n {
			to := 1
			if edited && i == n/2 {
				to = 2
			}
			fmt.Fprintf(&b, "        - {protocol: tcp, port: %d, to: \"10.18.0.%d:80\"}\n", 10_000+i, to)
		}
		return b.String()
	}
}

// rules are n rules of one chain, and the same with another port in one.
func rules(n int) func(edited bool) string {
	return func(edited bool) string {
		var b strings.Builder
		b.WriteString("      rules:\n")
		for i := range n {
			port := 10_000 + i
			if edited && i == n/2 {
				port = 9999
			}
			fmt.Fprintf(&b, "        - {chain: INPUT, args: [-p, tcp, --dport, \"%d\", -j, ACCEPT]}\n", port)
		}
		return b.String()
	}
}
