package program

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// childrenOfThread are the processes that a thread of a process started and that were not waited for yet (proc(5)).
func childrenOfThread(pid, thread int) (children []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, thread))
	for _, word := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(word); err == nil {
			children = append(children, child)
		}
	}
	return children
}

func childrenOf(pid int) (children []int) {
	if !tellsChildren() {
		return processes(func(_, parent, _ int) bool { return parent == pid })
	}
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range threads {
		if thread, err := strconv.Atoi(t.Name()); err == nil {
			children = append(children, childrenOfThread(pid, thread)...)
		}
	}
	return children
}

// inGroup are the children of a process that are in its process group.
func inGroup(pid int) []int {
	own, _ := unix.Getpgid(pid)
	return processes(func(_, parent, group int) bool { return parent == pid && group == own })
}

// processes looks through all processes.
func processes(wanted func(pid, parent, group int) bool) (found []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// PID (NAME) STATE PPID PGRP ...: the name may hold anything.
		var state string
		var parent, group int
		if _, err := fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &parent, &group); err != nil {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && wanted(pid, parent, group) {
			found = append(found, pid)
		}
	}
	return found
}

// writtenBy is how many bytes a process has written to files and pipes, with those of its children that it has waited
// for; 0 where the kernel does not tell.
func writtenBy(pid int) (written int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	for line := range strings.Lines(string(text)) {
		if number, is := strings.CutPrefix(line, "wchar: "); is {
			written, _ = strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		}
	}
	return written
}
