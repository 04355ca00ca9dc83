package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// idLen is how long a container's full ID is.
const idLen = 64

// learn notes where the group of a container is, by one of its processes.
func (g *groups) learn(id string, pid int) {
	if len(id) != idLen {
		return
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
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
	if len(id) != idLen {
		return 0, false
	}
	g.mu.Lock()
	where := slices.Clone(g.where)
	g.mu.Unlock()
	for _, p := range where {
		text, err := os.ReadFile(filepath.Join(p.of(id), "cgroup.procs"))
		if err != nil {
			continue
		}
		var shared string
		for _, field := range strings.Fields(string(text)) {
			// A process of another PID namespace than linkd's is 0.
			ns, err := os.Readlink("/proc/" + field + "/ns/net")
			if err != nil || shared != "" && ns != shared {
				return 0, false
			}
			if shared == "" {
				shared = ns
				pid, _ = strconv.Atoi(field)
			}
		}
		return pid, pid != 0
	}
	return 0, false
}
