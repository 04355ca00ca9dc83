package observe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// checkNamespace refuses a file that is not a network namespace. path is for the error.
func checkNamespace(fd int, path string) error {
	if err := checkNamespaceFS(fd, path); err != nil {
		return err
	}
	// NS_GET_NSTYPE in linux/nsfs.h.
	if kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err == nil && kind != unix.CLONE_NEWNET {
		return fmt.Errorf("%s is a namespace of another type", path)
	}
	return nil
}

// checkNamespaceFS refuses a file that is no namespace of any type. The file may be opened with O_PATH.
func checkNamespaceFS(fd int, path string) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
		if filepath.Dir(path) != NetnsDir {
			return fmt.Errorf("%s is not a network namespace", path)
		}
		return fmt.Errorf("%s is not a network namespace: a plain file, left behind by one that was not mounted here", path)
	}
	return nil
}

// openNamespaceFile opens the namespace of a name: or path: selector, and refuses a path at which other users can put
// another one. A path to a process's namespace may lead to that of another process with the same PID later. It is
// refused if its owner is another user namespace than linkd's own. This is so for every process whose user made the
// namespace without being root.
func openNamespaceFile(path string) (fd int, err error) {
	if filepath.Dir(path) == NetnsDir {
		// Almost every namespace is a file there, and only root can write to the directory.
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err == nil {
			if err = checkNamespace(fd, path); err != nil {
				unix.Close(fd)
				return -1, err
			}
			return fd, nil
		}
		if !errors.Is(err, unix.ELOOP) {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
	at, ofProcess, err := spec.OpenTrustedPath(path)
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	// Open only namespaces for reading: opening a pipe or a device can block and have effects.
	if err := checkNamespaceFS(at, path); err != nil {
		return -1, err
	}
	fd, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", at), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	err = checkNamespace(fd, path)
	if err == nil && ofProcess {
		if err = checkOwner(fd, nil); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
