package observe

import (
	"fmt"
	"maps"
	"slices"
)

// mostHeld is how many namespaces Holder opens to find one whose inode is not known.
const mostHeld = 1024

// Holder returns the lowest PID of the processes in a namespace that may have lost its name: ip-netns(8) deletes a
// name, and the namespace lives on while a process is in it. It returns 0 if there is no such process, or none that
// linkd may look at.
func (w *World) Holder(was Location) (pid int) {
	processes, err := scanNamespaces()
	if err != nil {
		return 0
	}
	if was.Inode != (Inode{}) {
		pid = processes[was.Inode]
		if pid != 0 && w.isIn(pid, was.Identity) {
			return pid
		}
		return 0
	}
	pids := slices.Sorted(maps.Values(processes))
	for _, pid := range pids[:min(len(pids), mostHeld)] {
		if w.isIn(pid, was.Identity) {
			return pid
		}
	}
	return 0
}

// isIn reports whether a process is in the namespace with that identity.
func (w *World) isIn(pid int, id Identity) (is bool) {
	err := w.Visit(fmt.Sprintf("/proc/%d/ns/net", pid), func(ns *NS) error {
		is = ns.Identity == id
		return nil
	})
	return is && err == nil
}
