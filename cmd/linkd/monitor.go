package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// monitorSlack is how much later than it asks for the Go runtime's monitor thread may wake (PR_SET_TIMERSLACK in prctl(2)). While
// anything runs, it sleeps for 20 µs at a time (sysmon in runtime/proc.go), which took a third of the CPU time of a repair.
// It lets others run while a goroutine is in a system call, and linkd can wait a millisecond for that.
const monitorSlack = time.Millisecond

// slowMonitor sets monitorSlack. It needs CAP_SYS_NICE. The service of systemd has none, and sets the slack of all threads
// (TimerSlackNSec in systemd.exec(5)).
func slowMonitor() error {
	monitor, err := monitorThread()
	if err != nil {
		return err
	}
	return os.WriteFile(slackFile(monitor), fmt.Append(nil, monitorSlack.Nanoseconds()), 0)
}

func slackFile(thread string) string { return "/proc/" + thread + "/timerslack_ns" }

// monitorThread returns the ID of the monitor thread. It is the first that the runtime starts (main in runtime/proc.go), and the
// kernel lists threads in the order of their start (next_tid in fs/proc/base.c).
func monitorThread() (string, error) {
	dir, err := os.Open("/proc/self/task")
	if err != nil {
		return "", err
	}
	defer dir.Close()
	threads, err := dir.Readdirnames(2)
	if err != nil {
		return "", err
	}
	if len(threads) < 2 {
		return "", errors.New("the process has a single thread")
	}
	return threads[1], nil
}
