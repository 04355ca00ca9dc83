package observe

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// settings watches files below /proc/sys with inotify(7). The kernel announces only some of the settings (netconf), but it
// reports each write to the file of any other, with which a program changes it, to who watches the file. It does not report
// a write through another mount of proc, as containers have: linkd finds that out at its next look.
type settings struct {
	inotify *os.File
	inbox   *Inbox

	mu sync.Mutex
	// watches are the files that are watched, and byWatch are their namespaces by inotify's number.
	watches map[settingFile]*settingWatch
	byWatch map[int]*settingWatch
}

// settingFile is the file of a setting in the namespace with that identity.
type settingFile struct {
	ns      Identity
	setting string
}

// settingWatch is the watch for a file. Own counts the writes of linkd itself that have not been reported yet.
type settingWatch struct {
	file settingFile
	name string // the namespace's
	at   int
	own  int
}

// mostSettings is how many files linkd watches. Each costs about a kilobyte in the kernel, and to open one takes the longer
// the more namespaces there are (proc_sys_compare in fs/proc/proc_sysctl.c).
const mostSettings = 512

// machineRoot leads to the mount of proc that other programs write to: linkd's service has another one (ProtectProc).
const machineRoot = "/proc/1/root"

// WatchSettings makes WatchSetting report writes as notifications, until stop is called.
func (w *World) WatchSettings(in *Inbox) (stop func(), err error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	s := &settings{inotify: os.NewFile(uintptr(fd), "inotify"), inbox: in, watches: map[settingFile]*settingWatch{}, byWatch: map[int]*settingWatch{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read()
	}()
	w.settings.Store(s)
	return func() {
		w.settings.Store(nil)
		s.inotify.Close()
		<-done
	}, nil
}

// WatchSetting watches the file of a setting of the namespace, if linkd listens; locate returns its path below /proc/sys. Call it in
// Do. A file that cannot be watched is looked at from time to time.
func (ns *NS) WatchSetting(setting string, locate func(setting string) (path string, err error)) {
	s := ns.world.settings.Load()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	file := settingFile{ns.Identity, setting}
	if w := s.watches[file]; w != nil {
		w.name = ns.Name
		return
	}
	if len(s.watches) >= mostSettings {
		s.dropEnded(ns.world)
	}
	if len(s.watches) >= mostSettings {
		return
	}
	path, err := locate(setting)
	if err != nil {
		return
	}
	at, err := s.addWatch(machineRoot + path)
	if err != nil {
		at, err = s.addWatch(path)
	}
	if err != nil {
		return
	}
	w := &settingWatch{file: file, name: ns.Name, at: at}
	s.watches[file], s.byWatch[at] = w, w
}

// addWatch returns inotify's number of the watch for a file.
func (s *settings) addWatch(path string) (at int, err error) {
	conn, err := s.inotify.SyscallConn()
	if err != nil {
		return 0, err
	}
	ctlErr := conn.Control(func(fd uintptr) { at, err = unix.InotifyAddWatch(int(fd), path, unix.IN_MODIFY) })
	return at, errors.Join(ctlErr, err)
}

// dropEnded removes the watches in namespaces that are not declared any more, or have ended.
func (s *settings) dropEnded(world *World) {
	known := world.namesByIdentity()
	for file, w := range s.watches {
		if known[file.ns] != "" {
			continue
		}
		if conn, err := s.inotify.SyscallConn(); err == nil {
			_ = conn.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(w.at)) })
		}
		delete(s.watches, file)
		delete(s.byWatch, w.at)
	}
}

// WritesSetting says that linkd itself is about to write a setting of the namespace, which needs no notification. Call failed if
// it did not.
func (ns *NS) WritesSetting(setting string) (failed func()) {
	s := ns.world.settings.Load()
	if s == nil {
		return func() {}
	}
	count := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w := s.watches[settingFile{ns.Identity, setting}]; w != nil {
			w.own += n
		}
	}
	count(1)
	return func() { count(-1) }
}

// read puts a notification into the inbox for each write of another program.
func (s *settings) read() {
	const size = unix.SizeofInotifyEvent
	var b [64 * size]byte
	for {
		n, err := s.inotify.Read(b[:])
		if err != nil {
			return
		}
		for at := 0; at+size <= n; {
			number := int(int32(binary.NativeEndian.Uint32(b[at:])))
			mask := binary.NativeEndian.Uint32(b[at+4:])
			at += size + int(binary.NativeEndian.Uint32(b[at+12:]))
			if mask&unix.IN_Q_OVERFLOW != 0 {
				s.inbox.overrun()
				continue
			}
			if name := s.written(number); name != "" {
				s.inbox.put(Notification{NS: name, Topic: NetconfTopic})
			}
		}
	}
}

// written returns the namespace in which another program has written to a file.
func (s *settings) written(number int) (ns string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.byWatch[number]
	switch {
	case w == nil:
		return ""
	case w.own > 0:
		// inotify reports equal events once that nobody has read yet, so that one report can stand for several writes.
		w.own = 0
		return ""
	}
	return w.name
}
