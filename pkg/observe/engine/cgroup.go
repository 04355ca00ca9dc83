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

// cgroups finds a container's processes by its control group (cgroups(7)), whose name contains the container's ID. This is faster
// than asking an engine, which takes seconds to answer while it starts fifty containers. linkd learns the paths of the groups
// from containers that the engine has answered for.
type cgroups struct {
	mu    sync.Mutex
	paths []pathPattern
}

// pathPattern is the path of a directory, before and after an ID.
type pathPattern struct{ before, after string }

const (
	// groupLimit limits, in bytes, the list of a process' groups. It has about 15 hierarchies, with a path each.
	groupLimit = 128 << 10
	// procsLimit limits, in bytes, the list of a group's processes. 100,000 processes fit into it. For a container with more,
	// linkd waits for the engine.
	procsLimit = 1 << 20
)

// idLength is the number of characters of a container's full ID.
const idLength = 64

// learn remembers the path of a container's group, which it reads from one of its processes.
func (g *cgroups) learn(id string, pid int) {
	if len(id) != idLength {
		return
	}
	text, err := bounded.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid), groupLimit)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		// HIERARCHY:CONTROLLERS:PATH. Version 2 has no controllers here. It can exist alone or beside version 1.
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		before, after, named := strings.Cut(fields[2], id)
		if !named {
			continue
		}
		root := filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(fields[1], "name="))
		p := pathPattern{root + before, after}
		if _, err := os.Stat(p.path(id)); err != nil {
			continue
		}
		g.mu.Lock()
		if !slices.Contains(g.paths, p) {
			g.paths = append(g.paths, p)
		}
		g.mu.Unlock()
		return
	}
}

func (p pathPattern) path(id string) string { return p.before + id + p.after }

// process returns a process of a running container. ok is false if its processes have different network namespaces, or if there
// are none.
func (g *cgroups) process(id string) (pid int, ok bool) {
	shared := ""
	for _, one := range g.processes(id) {
		ns, err := os.Readlink("/proc/" + one + "/ns/net")
		switch {
		case errors.Is(err, fs.ErrNotExist) && one != otherPIDNamespace:
			// The process has ended meanwhile, as processes of a script often do.
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

// otherPIDNamespace is the number in the list of a group for a process whose PID namespace linkd cannot see.
const otherPIDNamespace = "0"

// contains reports whether a process belongs to a container. Unlike process, it ignores the other processes' namespaces.
func (g *cgroups) contains(id string, pid int) bool {
	return slices.Contains(g.processes(id), strconv.Itoa(pid))
}

// processes returns the PIDs in a container's group.
func (g *cgroups) processes(id string) []string {
	if len(id) != idLength {
		return nil
	}
	g.mu.Lock()
	where := slices.Clone(g.paths)
	g.mu.Unlock()
	for _, p := range where {
		if text, err := bounded.ReadFile(filepath.Join(p.path(id), "cgroup.procs"), procsLimit); err == nil {
			return strings.Fields(string(text))
		}
	}
	return nil
}
