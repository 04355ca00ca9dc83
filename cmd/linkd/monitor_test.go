package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// Only the monitor thread wakes late: others wait for a thread that runs goroutines.
func TestSlowMonitor(t *testing.T) {
	own, err := os.ReadFile(slackFile("self"))
	if err != nil {
		t.Fatal(err)
	}
	if err := slowMonitor(); errors.Is(err, fs.ErrPermission) {
		t.Skip("this needs CAP_SYS_NICE")
	} else if err != nil {
		t.Fatal(err)
	}
	monitor, err := monitorThread()
	if err != nil {
		t.Fatal(err)
	}
	slack := map[string]string{}
	for thread, file := range map[string]string{"monitor": slackFile(monitor), "main": slackFile("self")} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		slack[thread] = strings.TrimSpace(string(text))
	}
	if want := strings.TrimSpace(string(own)); slack["monitor"] != "1000000" || slack["main"] != want {
		t.Errorf("slack %v, want 1000000 for the monitor and %s for the main thread", slack, want)
	}
}
