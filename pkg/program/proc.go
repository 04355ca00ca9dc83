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

// childrenOfThread returns the processes that a thread of a process started and has not waited for yet (proc(5)).
func childrenOfThread(pid, thread int) (children []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, thread))
	for _, word := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(word); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// childrenOf returns the processes that any thread of a process started and has not waited for yet.
func childrenOf(pid int) (children []int) {
	if !listsChildren() {
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

// inGroup returns the children of a process that are in its process group.
func inGroup(pid int) []int {
	own, _ := unix.Getpgid(pid)
	return processes(func(_, parent, group int) bool { return parent == pid && group == own })
}

// processes returns the PIDs of all processes for which wanted returns true.
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

// statLimit is the number of bytes that linkd reads of /proc/PID/stat. Its 52 numbers and a name of at most 64 bytes need far
// less.
const statLimit = 8 << 10

// StatFields returns the fields of /proc/PID/stat from the third on (proc_pid_stat(5)): state, PID of the parent, process group
// and so on. The second field is the name of the program in parentheses. A name can contain any character, so the third field
// begins after the last parenthesis.
func StatFields(pid int) ([]string, error) {
	text, err := bounded.ReadFile(fmt.Sprintf("/proc/%d/stat", pid), statLimit)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), nil
}

// writtenBy returns the number of bytes that a process has written to files and pipes, including those of children that it has
// waited for; 0 if the kernel does not count them.
func writtenBy(pid int) (written int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	for line := range strings.Lines(string(text)) {
		if number, is := strings.CutPrefix(line, "wchar: "); is {
			written, _ = strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		}
	}
	return written
}
