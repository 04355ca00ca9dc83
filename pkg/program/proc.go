package program

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
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
		pid, pidErr := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields, err := StatFields(pid)
		if pidErr != nil || err != nil || len(fields) < 3 {
			continue
		}
		parent, parentErr := strconv.Atoi(fields[1])
		group, groupErr := strconv.Atoi(fields[2])
		if parentErr == nil && groupErr == nil && wanted(pid, parent, group) {
			found = append(found, pid)
		}
	}
	return found
}

// statLimit is far above the 52 numbers and one name of 64 bytes in /proc/PID/stat.
const statLimit = 8 << 10

// StatFields are the fields of /proc/PID/stat from the third on (proc_pid_stat(5)): state, PID of the parent, process group
// and so on. The second field is the name of the program in parentheses, which may hold any character, so they begin
// after the last parenthesis.
func StatFields(pid int) ([]string, error) {
	text, err := bounded.ReadFile(fmt.Sprintf("/proc/%d/stat", pid), statLimit)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), nil
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
