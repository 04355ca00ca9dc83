// Command isolation measures how long linkd takes to repair an address in one namespace, "good", while another, "evil", is
// huge, busy or hostile. Beside that it measures a program that does nothing but restore the address on its event, beside
// the same evil: the kernel has one lock (rtnl) for all namespaces, and nobody is faster than that. It works in network,
// mount and PID namespaces of its own and needs root.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"linkd/tests/bench/sandbox"
)

func init() { runtime.LockOSThread() }

func main() {
	linkd := flag.String("linkd", "build/linkd", "the linkd binary to measure")
	only := flag.String("only", "", "measure only the evils whose names contain this")
	inside := flag.Bool("inside", false, "set by the command itself, once in its sandbox")
	chases := flag.Bool("chase", false, "be the program that does nothing but restore addresses in the namespace good")
	flag.Parse()
	var err error
	switch {
	case *chases:
		err = chase()
	case *inside:
		err = measureAll(*linkd, *only)
	default:
		err = sandbox.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "isolation:", err)
		os.Exit(1)
	}
}

// evil is what another namespace does. The script runs in it, by sh -e; meanwhile is a script that runs until the end.
type evil struct {
	name, script, meanwhile string
	// program is an iptables-save that is found instead of the system's, for evil's namespace only.
	program string
}

const loop = "for i in $(seq %d); do %s; done"

var evils = []evil{
	{name: "nothing"},
	{name: "100,000 iptables rules", script: rules(100000)},
	{name: "20,000 rules, and five changes a second", script: rules(20000),
		meanwhile: "while :; do iptables -A INPUT -s 10.9.9.9 -j ACCEPT; sleep 0.1; iptables -D INPUT -s 10.9.9.9 -j ACCEPT; sleep 0.1; done"},
	{name: "1,000 chains LINKD-N, 400 veths with a mark, 50,000 routes of linkd's protocol", script: `
{ echo '*filter'; for i in $(seq 1000); do echo ":LINKD-$i - [0:0]"; done; echo COMMIT; } | iptables-restore --noflush
` + fmt.Sprintf(loop, 400, `echo "link add m$i type veth peer name n$i"; echo "link set m$i alias linkd:q$i"`) + ` | ip -batch -
ip link add r0 type veth peer name r1; ip link set r0 up
` + fmt.Sprintf(loop, 50000, `echo "route add 20.$((i/65536)).$((i/256%256)).$((i%256)) dev r0 proto 108"`) + ` | ip -batch -`},
	{name: "100,000 routes, 20,000 addresses, 1,000 veths, and 3,000 flaps of a link", script: `
ip link add r0 type veth peer name r1; ip link set r0 up; ip link set r1 up
` + fmt.Sprintf(loop, 100000, `echo "route add 20.$((i/65536)).$((i/256%256)).$((i%256)) dev r0"`) + ` | ip -batch -
` + fmt.Sprintf(loop, 20000, `echo "address add 30.$((i/65536)).$((i/256%256)).$((i%256))/32 dev r1"`) + ` | ip -batch -
` + fmt.Sprintf(loop, 1000, `echo "link add m$i type veth peer name n$i"`) + ` | ip -batch -
`, meanwhile: "ip link add f0 type veth peer name f1; while :; do " + fmt.Sprintf(loop, 3000, `echo "link set f0 up"; echo "link set f0 down"`) + " | ip -batch -; done"},
	{name: "an iptables-save that hangs", program: "exec sleep 1000"},
	{name: "an iptables-save that prints without end", program: "exec yes '-A INPUT -j ACCEPT'"},
	{name: "an iptables-save that dies", program: "echo '*filter'; kill -9 $$"},
}

// rules is a script that makes so many rules at once.
func rules(n int) string {
	return fmt.Sprintf(`{ echo '*filter'; echo ':FOREIGN - [0:0]'; seq -f '-A FOREIGN -s 10.1.0.0/16 -p tcp --dport %%g -j ACCEPT' 1 %d | awk '{sub(/--dport [0-9.e+]+/, "--dport " (NR%%60000+1)); print}'; echo COMMIT; } | iptables-restore --noflush`, n)
}

func measureAll(linkd, only string) error {
	if err := sandbox.Prepare(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "linkd-isolation-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Println("| evil | alone: median, maximum | linkd: median, maximum | memory above the idle daemon | log lines | is said |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	for i, e := range evils {
		if !strings.Contains(e.name, only) {
			continue
		}
		if err := e.measure(linkd, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

func sh(script string) error {
	c := exec.Command("sh", "-ec", script)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return c.Run()
}

// in runs a script in the namespace evil until it is killed.
func inEvil(script string) (stop func(), err error) {
	c := exec.Command("ip", "netns", "exec", "evil", "sh", "-c", script)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = unix.Kill(-c.Process.Pid, unix.SIGKILL)
		_ = c.Wait()
	}, nil
}

const repairs = 20

// measure measures both beside one evil.
func (e evil) measure(linkd, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "config"), 0o755); err != nil {
		return err
	}
	defer func() { _ = sh("for n in $(ip netns list | cut -d' ' -f1); do ip netns del $n; done") }()
	if err := sh("ip netns add good; ip netns add evil; ip -n good link set lo up; ip -n evil link set lo up"); err != nil {
		return err
	}
	daemon, err := e.startDaemon(linkd, dir)
	if err != nil {
		return err
	}
	defer daemon.stop()
	idle := daemon.memory()
	if e.script != "" {
		if err := sh("ip netns exec evil sh -e <<'SCRIPT'\n" + e.script + "\nSCRIPT"); err != nil {
			return err
		}
	}
	stop := func() {}
	if e.meanwhile != "" {
		if stop, err = inEvil(e.meanwhile); err != nil {
			return err
		}
	}
	defer func() { stop() }()
	if e.program != "" {
		// It has been found out when this is measured.
		if err := sh("ip netns exec evil iptables -A INPUT -j ACCEPT"); err != nil {
			return err
		}
	}
	with, err := measureRepairs()
	if err != nil {
		return err
	}
	said := daemon.says()
	memory, lines := daemon.memory()-idle, daemon.lines()
	daemon.stop()
	if err := sh("ip -n good address flush dev lo scope global; for i in $(seq " + fmt.Sprint(repairs) + "); do ip -n good address add 10.0.0.$i/32 dev lo; done"); err != nil {
		return err
	}
	chaser := exec.Command("/proc/self/exe", "-chase")
	chaser.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := chaser.Start(); err != nil {
		return err
	}
	defer func() { _ = chaser.Process.Kill(); _ = chaser.Wait() }()
	time.Sleep(200 * time.Millisecond)
	alone, err := measureRepairs()
	if err != nil {
		return fmt.Errorf("alone: %w", err)
	}
	fmt.Printf("| %s | %s | %s | %d MiB | %d | %s |\n", e.name, median(alone), median(with), memory>>20, lines, said)
	return nil
}

func median(all []time.Duration) string {
	slices.Sort(all)
	return fmt.Sprintf("%.1f, %.1f ms", ms(all[len(all)/2]), ms(all[len(all)-1]))
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }
