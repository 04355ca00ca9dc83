package observe

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"linkd/pkg/program"
	"linkd/pkg/spec"
)

// statusHead is how much of /proc/PID/status linkd reads: the IDs are in the first lines, and the groups after them
// can be 65,536 numbers.
const statusHead = 4 << 10

// isAllOf reports whether the real, effective, saved and file system user IDs of a process are all this user
// (credentials(7)). Any user can run a setuid program such as passwd(1) with any arguments: its effective ID is root,
// its real ID is not. The IDs are those in linkd's own user namespace.
func isAllOf(pid int, uid uint32) (bool, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, statusHead)
	n, err := f.Read(head)
	if err != nil {
		return false, err
	}
	// The program's name is in the first line, with line breaks escaped (proc_task_name in fs/proc/array.c).
	_, rest, found := strings.Cut(string(head[:n]), "\nUid:\t")
	line, _, whole := strings.Cut(rest, "\n")
	ids := strings.Fields(line)
	if !found || !whole || len(ids) != 4 {
		return false, fmt.Errorf("/proc/%d/status has no user IDs", pid)
	}
	for _, id := range ids {
		if id != strconv.FormatUint(uint64(uid), 10) {
			return false, nil
		}
	}
	return true, nil
}

// effectiveUser returns a process's effective user ID: it owns the process's directory, even if other files in it are
// hidden (task_dump_owner in fs/proc/base.c).
func effectiveUser(pid string) (uid uint32, err error) {
	var at unix.Stat_t
	err = unix.Stat("/proc/"+pid, &at)
	return at.Uid, err
}

// userID returns the ID of the user that an entry names; root's for "".
func userID(name string) (uint32, error) {
	if name == "" {
		return 0, nil
	}
	uid, isNumber, err := spec.ParseUID(name)
	if !isNumber {
		var found *user.User
		if found, err = user.Lookup(name); errors.As(err, new(user.UnknownUserError)) {
			return 0, Pendingf("there is no user %q in /etc/passwd: create the user, or write the user ID", name)
		}
		if err == nil {
			uid, _, err = spec.ParseUID(found.Uid)
		}
	}
	if err == nil && spec.IsNobodyKnown(uid) {
		err = fmt.Errorf("user %s: in this user namespace, that ID stands for every user who has none here", name)
	}
	return uid, err
}

// ownUserNamespace returns linkd's own user namespace.
func ownUserNamespace() (unix.Stat_t, error) {
	var own unix.Stat_t
	err := unix.Stat("/proc/self/ns/user", &own)
	return own, err
}

var errForeignOwner = errors.New("the network namespace belongs to another user namespace than linkd's own")

// checkOwner refuses an open network namespace whose owner is another user namespace than linkd's own. With by, the
// owner may also be a user namespace that this user or root made, or one nested in such: the user who makes a user
// namespace has all rights in it.
func checkOwner(netns int, by *uint32) error {
	own, err := ownUserNamespace()
	if err != nil {
		return err
	}
	at, err := unix.IoctlRetInt(netns, unix.NS_GET_USERNS)
	if errors.Is(err, unix.EPERM) {
		// The owner is neither linkd's own user namespace nor below it.
		return errForeignOwner
	}
	if err != nil {
		return fmt.Errorf("find out whose network namespace it is: %w", err)
	}
	defer func() { unix.Close(at) }()
	// outermost is the ancestor that is a child of linkd's own user namespace.
	for outermost := -1; ; {
		var st unix.Stat_t
		if err := unix.Fstat(at, &st); err != nil {
			return err
		}
		if st.Ino == own.Ino && st.Dev == own.Dev {
			if outermost < 0 {
				return nil
			}
			defer unix.Close(outermost)
			return checkMaker(outermost, *by)
		}
		if by == nil {
			return errForeignOwner
		}
		above, err := unix.IoctlRetInt(at, unix.NS_GET_PARENT)
		if err != nil {
			if outermost >= 0 {
				unix.Close(outermost)
			}
			return errForeignOwner
		}
		if outermost >= 0 {
			unix.Close(outermost)
		}
		outermost, at = at, above
	}
}

func checkMaker(userns int, by uint32) error {
	var maker uint32
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(userns), unix.NS_GET_OWNER_UID, uintptr(unsafe.Pointer(&maker))); errno != 0 {
		return fmt.Errorf("find out whose user namespace it is: %w", errno)
	}
	if maker == 0 || maker == by {
		return nil
	}
	return errors.New("the network namespace belongs to the user namespace of another user")
}

// StartedAt returns when a process started, in clock ticks (USER_HZ, 100 a second) since boot.
func StartedAt(pid int) (ticks uint64, err error) {
	fields, err := program.StatFields(pid)
	if err != nil {
		return 0, err
	}
	const starttime = 22 - 3
	if len(fields) <= starttime {
		return 0, fmt.Errorf("/proc/%d/stat is not what it should be", pid)
	}
	return strconv.ParseUint(fields[starttime], 10, 64)
}
