package bounded

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ReadSecret reads a regular file of at most limit bytes that belongs to root or to this user, and that nobody else can read. Others
// are the words in the error for those who must not: "other users". No error has the text of the file. The caller clears what it got.
func ReadSecret(path string, limit int64, others string) ([]byte, error) {
	// The open must not block, as it would on a pipe without a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%s is no regular file", path)
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%s belongs to another user, who knows the key: run chown root %[1]s", path)
	case st.Mode&0o077 != 0:
		return nil, fmt.Errorf("%s can be read by %s: run chmod 600 %[1]s", path, others)
	}
	return ReadAll(f, path, limit)
}
