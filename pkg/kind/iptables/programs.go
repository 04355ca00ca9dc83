package iptables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	goiptables "github.com/coreos/go-iptables/iptables"
)

// lockWait is how many seconds the programs wait for the lock that the legacy backend takes (iptables(8), --wait). The
// nft backend needs none.
const lockWait = 5

// programs are the iptables of one family that the system has by default.
type programs struct {
	*goiptables.IPTables
	family family
	legacy bool
}

// probed keeps what was learnt of a program, by the file that it really is: the alternatives system may put another in
// its place.
var probed sync.Map

func (f family) programs() (*programs, error) {
	path, err := exec.LookPath(f.name)
	if err != nil {
		return nil, fmt.Errorf("%s is not installed: %w", f.name, err)
	}
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	key := path + " " + file
	if p, known := probed.Load(key); known {
		return p.(*programs), nil
	}
	ipt, err := goiptables.New(goiptables.IPFamily(f.protocol), goiptables.Timeout(lockWait), goiptables.Path(path))
	if err != nil {
		return nil, err
	}
	version, err := run(context.Background(), "", path, "--version")
	if err != nil {
		return nil, err
	}
	p := &programs{IPTables: ipt, family: f, legacy: !strings.Contains(version, "nf_tables")}
	probed.Store(key, p)
	return p, nil
}

// list reads a table. It has to run inside the namespace, as has all that follows.
func (p *programs) list(ctx context.Context, name string) (*table, error) {
	if p.legacy {
		// Looking at a table with the legacy backend makes it, and from then on every packet goes through it.
		born, err := p.isBorn(name)
		if err != nil {
			return nil, err
		}
		if !born {
			return parseTable(name, "")
		}
	}
	text, err := run(ctx, "", p.family.name+"-save", "--counters", "-t", name)
	if err != nil {
		return nil, err
	}
	return parseTable(name, text)
}

func (p *programs) isBorn(name string) (bool, error) {
	text, err := os.ReadFile("/proc/thread-self/net/" + p.family.born)
	if errors.Is(err, os.ErrNotExist) {
		// The module is not loaded.
		return false, nil
	}
	for _, table := range strings.Fields(string(text)) {
		if table == name {
			return true, nil
		}
	}
	return false, err
}

// restore carries out a script, all of it or nothing.
func (p *programs) restore(ctx context.Context, script string) error {
	_, err := run(ctx, script, p.family.name+"-restore", "--noflush", "--counters", "--wait", strconv.Itoa(lockWait))
	return err
}

// deleteChain removes linkd's jumps to a chain, and the chain. A jump that somebody else made stays, and with it the
// chain, which is empty then.
func (p *programs) deleteChain(c *Chain) error {
	there, err := p.ChainExists(c.Table, c.Name)
	if err != nil || !there {
		return err
	}
	for {
		jumps, err := p.Exists(c.Table, c.hook(), c.jump()...)
		if err != nil {
			return err
		}
		if !jumps {
			break
		}
		if err := p.Delete(c.Table, c.hook(), c.jump()...); err != nil {
			return err
		}
	}
	if err := p.ClearAndDeleteChain(c.Table, c.Name); err != nil {
		return fmt.Errorf("%w (does a rule that is not linkd's jump there?)", err)
	}
	return nil
}

func run(ctx context.Context, input, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(input)
	// What a killed linkd had begun must not be done after the next one has looked.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}
