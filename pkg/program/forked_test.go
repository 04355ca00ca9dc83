package program

import (
	"os"
	"os/exec"
	"testing"
)

// A child that linkd has just forked still runs linkd's file. Somebody who stops it stops linkd, which waits for it.
func TestAChildBeforeItsProgram(t *testing.T) {
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleep.Process.Kill()
		_ = sleep.Wait()
	})
	if runsOwnFile(sleep.Process.Pid) || !runsOwnFile(os.Getpid()) {
		t.Error("a child with its own program is not told from one without")
	}
}
