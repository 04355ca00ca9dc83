package conform

import (
	"os"
	"syscall"
	"testing"
)

// WriteProgram writes a program, such as a script, that everybody can run. It keeps this process from forking meanwhile: until
// its exec, a forked child would have the file open for writing, and execve(2) of the file would fail with ETXTBSY.
func WriteProgram(t testing.TB, path string, text []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	Must(t, os.WriteFile(path, text, 0o755))
}
