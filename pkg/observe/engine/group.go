package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"linkd/pkg/bounded"
)

// groups finds a container's processes by its control group (cgroups(7)), which is called by the container's ID. An engine
// that is just starting fifty containers takes seconds to answer; the kernel does not. Where an engine keeps the groups is
// learnt from a container that it has answered for.
type groups struct {
	mu    sync.Mutex
	where []place
}

// place is a directory's path, around an ID.
type place struct{ before, after string }

const (
	// groupLimit is how much linkd reads of the groups of a process: some 15 hierarchies with a path each.
	groupLimit = 128 << 10
	// procsLimit is how much linkd reads of the processes of a group: 100,000 of them. Of a container with more, linkd waits
	// for what the engine says.
	procsLimit = 1 << 20
)

// idLen is how long a container's full ID is.
const idLen = 64

// learn notes where the group of a container is, by one of its processes.
func (g *groups) learn(id string, pid int) {
	if len(id) != idLen {
		return
	}
	text, err := bounded.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid), groupLimit)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		// HIERARCHY:CONTROLLERS:PATH; there are no controllers in version 2, which may be alone or beside version 1.
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		before, after, named := strings.Cut(fields[2], id)
		if !named {
			continue
		}
		root := filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(fields[1], "name="))
		p := place{root + before, after}
		if _, err := os.Stat(p.of(id)); err != nil {
			continue
		}
		g.mu.Lock()
		if !slices.Contains(g.where, p) {
			g.where = append(g.where, p)
		}
		g.mu.Unlock()
		return
	}
}

func (p place) of(id string) string { return p.before + id + p.after }

// process is a process of a container that runs, where all of them are in one network namespace.
func (g *groups) process(id string) (pid int, ok bool) {
	shared := ""
	for _, one := range g.processes(id) {
		ns, err := os.Readlink("/proc/" + one + "/ns/net")
		switch {
		case errors.Is(err, fs.ErrNotExist) && one != elsewhere:
			// It has ended meanwhile, as those of a script do all the time.
			continue
		case err != nil || shared != "" && ns != shared:
			return 0, false
		case shared == "":
			shared = ns
			pid, _ = strconv.Atoi(one)
		}
	}
	return pid, pid != 0
}

// elsewhere is, in the list of a group, a process of another PID namespace than linkd's.
const elsewhere = "0"

// has tells whether a process is one of a container's. Others of these may by now have a network namespace of their own.
func (g *groups) has(id string, pid int) bool {
	return slices.Contains(g.processes(id), strconv.Itoa(pid))
}

// processes are those of a container that runs, as its group lists them.
func (g *groups) processes(id string) []string {
	if len(id) != idLen {
		return nil
	}
	g.mu.Lock()
	where := slices.Clone(g.where)
	g.mu.Unlock()
	for _, p := range where {
		if text, err := bounded.ReadFile(filepath.Join(p.of(id), "cgroup.procs"), procsLimit); err == nil {
			return strings.Fields(string(text))
		}
	}
	return nil
}
