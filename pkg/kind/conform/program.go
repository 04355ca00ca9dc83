package conform

import (
	"os"
	"syscall"
	"testing"
)

// WriteProgram writes a program, a script say, that everybody can run. No process begins meanwhile: one that was just
// forked would have the file open for writing until it runs another program, and until then execve(2) of the file fails
// with ETXTBSY.
func WriteProgram(t testing.TB, path string, text []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	Must(t, os.WriteFile(path, text, 0o755))
}
