package observe

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
)

// place is where a network namespace of the machine can be opened.
type place struct {
	// where names the namespace for a message.
	where string
	open  func() (fd int, err error)
}

// placeSearch finds the network namespaces of the machine. It does not find a namespace that is mounted only in a mount namespace
// without a process. If only an open file holds a namespace, it does not find that in three cases: the file is under way in a socket
// (SCM_RIGHTS in unix(7)), a thread has a table of files of its own, or the process belongs to another user than root.
type placeSearch struct {
	found    map[Inode]place
	nsfs     uint64 // the file system of all namespaces
	mounts   map[uint64]bool
	deadline time.Time
}

// newPlaceSearch finds the namespaces that a process shows, or a mount that linkd sees.
func newPlaceSearch() (*placeSearch, error) {
	var own, ownMounts unix.Stat_t
	if err := errors.Join(unix.Stat("/proc/thread-self/ns/net", &own), unix.Stat("/proc/thread-self/ns/mnt", &ownMounts)); err != nil {
		return nil, err
	}
	s := &placeSearch{found: map[Inode]place{}, nsfs: own.Dev, mounts: map[uint64]bool{ownMounts.Ino: true}}
	if err := s.addMounts("thread-self"); err != nil {
		return nil, err
	}
	return s, eachProcess(s.addProcess)
}

// further returns the namespaces that only threads, other mounts, files and sockets show, as far as they are found before the
// deadline. The search can block for longer: a path can lead through a file system that a user's process answers for, and the last
// close of a socket can wait (SO_LINGER in socket(7)).
func (s *placeSearch) further(deadline time.Time) map[Inode]place {
	more := &placeSearch{found: maps.Clone(s.found), nsfs: s.nsfs, mounts: s.mounts, deadline: deadline}
	for _, add := range []func(pid string){more.addThreads, more.addFiles, more.addMountsOf} {
		_ = eachProcess(func(pid string) {
			if time.Now().Before(deadline) {
				add(pid)
			}
		})
	}
	maps.DeleteFunc(more.found, func(at Inode, _ place) bool { _, known := s.found[at]; return known })
	return more.found
}

func (s *placeSearch) add(at Inode, where string, open func() (int, error)) {
	if _, known := s.found[at]; !known {
		s.found[at] = place{where, open}
	}
}

// addLink adds the namespace to which a link below /proc leads.
func (s *placeSearch) addLink(path, where string) {
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil {
		s.add(Inode{st.Dev, st.Ino}, where, func() (int, error) { return openNamespace(path) })
	}
}

// addProcess and the other functions do nothing for a process that has ended, or at which linkd may not look.
func (s *placeSearch) addProcess(pid string) {
	s.addLink("/proc/"+pid+"/ns/net", "the namespace of process "+pid)
}

// addThreads adds the namespaces that other threads of the process have entered.
func (s *placeSearch) addThreads(pid string) {
	var st unix.Stat_t
	// Two links of the folder are its own, and one more is that of the process's first thread.
	if unix.Stat("/proc/"+pid+"/task", &st) != nil || st.Nlink <= 3 {
		return
	}
	_ = s.eachName("/proc/"+pid+"/task", func(tid string) {
		if tid != pid {
			s.addLink("/proc/"+pid+"/task/"+tid+"/ns/net", "the namespace of thread "+tid+" of process "+pid)
		}
	})
}

// addMountsOf adds the namespaces that are mounted in the mount namespace of the process.
func (s *placeSearch) addMountsOf(pid string) {
	var st unix.Stat_t
	if unix.Stat("/proc/"+pid+"/ns/mnt", &st) != nil || s.mounts[st.Ino] {
		return
	}
	if s.addMounts(pid) == nil {
		s.mounts[st.Ino] = true
	}
}

func (s *placeSearch) addMounts(pid string) error {
	text, err := bounded.ReadFile("/proc/"+pid+"/mountinfo", mountinfoLimit)
	if err != nil {
		return err
	}
	mounted := mountedNamespaces(string(text))
	for ino, point := range mounted {
		where := point
		open := func() (int, error) { return openNamespace(point) }
		if pid != "thread-self" {
			where = point + " as process " + pid + " sees it"
			open = func() (int, error) { return openMounted(pid, point) }
		}
		s.add(Inode{s.nsfs, ino}, where, open)
	}
	return nil
}

// openMounted opens a namespace at a mount point of a process. Others can have put any file there.
func openMounted(pid, point string) (fd int, err error) {
	root, err := unix.Open("/proc/"+pid+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	at, err := unix.Openat2(root, point, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	return openForReading(at, point)
}

// openForReading opens a namespace for reading that is open with O_PATH. To open anything else for reading, such as a pipe, can
// block and have effects.
func openForReading(at int, name string) (fd int, err error) {
	if err := checkNamespaceFS(at, name); err != nil {
		return -1, err
	}
	return openNamespace(fmt.Sprintf("/proc/self/fd/%d", at))
}

// addFiles adds the namespaces that open files and sockets of a process of root hold. Linkd may list the files of other users'
// processes only with CAP_DAC_READ_SEARCH, which its service does not have.
func (s *placeSearch) addFiles(pid string) {
	if uid, err := effectiveUser(pid); err != nil || uid != 0 {
		return
	}
	process := -1
	defer func() {
		if process >= 0 {
			unix.Close(process)
		}
	}()
	_ = s.eachName("/proc/"+pid+"/fd", func(number string) {
		path := "/proc/" + pid + "/fd/" + number
		var st unix.Statx_t
		// A file system on the network is not asked.
		err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE|unix.STATX_INO, &st)
		switch {
		case err != nil:
		case unix.Mkdev(st.Dev_major, st.Dev_minor) == s.nsfs:
			s.addOpenFile(Inode{s.nsfs, st.Ino}, pid, path)
		case st.Mode&unix.S_IFMT == unix.S_IFSOCK, st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev_major == tunMajor && st.Rdev_minor == tunMinor:
			if n, err := strconv.Atoi(pid); err == nil && process < 0 {
				process, _ = unix.PidfdOpen(n, 0)
			}
			s.addSocket(process, pid, number)
		}
	})
}

// These are the numbers of /dev/net/tun (MISC_MAJOR in linux/major.h, TUN_MINOR in linux/miscdevice.h). Such a file holds the
// namespace in which it was opened (tun_chr_open in drivers/net/tun.c).
const (
	tunMajor = 10
	tunMinor = 200
)

// addOpenFile adds a namespace that a process has open, if it is one of the network.
func (s *placeSearch) addOpenFile(at Inode, pid, path string) {
	if _, known := s.found[at]; known {
		return
	}
	fd, err := openLinked(path)
	if err != nil {
		return
	}
	unix.Close(fd)
	s.add(at, "a namespace that process "+pid+" has open", func() (int, error) { return openLinked(path) })
}

// openLinked opens the namespace to which a link below /proc leads. The process can have opened any file by now.
func openLinked(path string) (fd int, err error) {
	at, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	return openForReading(at, path)
}

func (s *placeSearch) addSocket(process int, pid, number string) {
	fd, err := namespaceOfSocket(process, number)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return
	}
	s.add(Inode{st.Dev, st.Ino}, "the namespace of a socket of process "+pid, func() (int, error) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			return -1, err
		}
		now, err := unix.PidfdOpen(n, 0)
		if err != nil {
			return -1, err
		}
		defer unix.Close(now)
		return namespaceOfSocket(now, number)
	})
}

// siocgskns is SIOCGSKNS in linux/sockios.h: it opens the network namespace of a socket, or of a file of /dev/net/tun.
const siocgskns = 0x894c

// namespaceOfSocket opens the namespace of a socket that a process has open. While it does, the process shares the socket with
// linkd.
func namespaceOfSocket(process int, number string) (fd int, err error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return -1, err
	}
	socket, err := unix.PidfdGetfd(process, n, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(socket)
	fd, err = unix.IoctlRetInt(socket, siocgskns)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	return fd, nil
}

// eachName calls f with the names in a folder of /proc until the deadline.
func (s *placeSearch) eachName(path string, f func(name string)) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	for time.Now().Before(s.deadline) {
		names, err := dir.Readdirnames(procBatch)
		for _, name := range names {
			f(name)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
