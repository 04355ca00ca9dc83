package tests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// openFrames opens NETNS/DEV, a tun or tap device, or the file of a macvtap. A namespace is a name in /run/netns, or host.
func openFrames(name string) (*os.File, error) {
	if filepath.IsAbs(name) {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		// Without this, each frame has a header for offloads before it, as virtual machines use it (tap_open in drivers/net/tap.c).
		req, err := unix.NewIfreq("")
		if err == nil {
			req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(int(f.Fd()), unix.TUNSETIFF, req)
		}
		return f, err
	}
	netns, dev, _ := strings.Cut(name, "/")
	leave, err := enterNamespace(netns)
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, mode := range []uint16{unix.IFF_TAP, unix.IFF_TUN} {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		req, err := unix.NewIfreq(dev)
		if err != nil {
			return nil, err
		}
		req.SetUint16(mode | unix.IFF_NO_PI)
		if err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err == nil {
			return os.NewFile(uintptr(fd), name), nil
		}
		unix.Close(fd)
		if !errors.Is(err, unix.EINVAL) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil, fmt.Errorf("%s is neither a tun nor a tap device", name)
}

// enterNamespace moves the thread, which ends with the program, into a namespace until leave is called.
func enterNamespace(netns string) (leave func(), err error) {
	if netns == "host" {
		return func() {}, nil
	}
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	there, err := os.Open("/run/netns/" + netns)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	return func() {
		_ = unix.Setns(int(own.Fd()), unix.CLONE_NEWNET)
		own.Close()
	}, unix.Setns(int(there.Fd()), unix.CLONE_NEWNET)
}

// patch copies frames between two devices, as a virtual machine would.
func patch(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: patch NETNS/DEV|FILE NETNS/DEV|FILE")
	}
	var ends [2]*os.File
	for i, name := range args {
		var err error
		if ends[i], err = openFrames(name); err != nil {
			return err
		}
	}
	fmt.Println("patched")
	failed := make(chan error)
	for i := range ends {
		go func() {
			frame := make([]byte, 1<<16)
			for {
				n, err := ends[i].Read(frame)
				if err == nil {
					// A device that is down takes none.
					_, _ = ends[1-i].Write(frame[:n])
				} else {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// attach opens a device, and says so.
func attach(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: attach NETNS/DEV")
	}
	f, err := openFrames(args[0])
	if err == nil {
		fmt.Println("attached")
		err = f.Close()
	}
	return err
}

// can sends a frame on a CAN bus every 20 ms until the listener hears one, and prints what that is.
func can(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: can FROM TO TEXT, where FROM and TO are NETNS/DEV")
	}
	var sockets [2]int
	for i, name := range args[:2] {
		netns, dev, _ := strings.Cut(name, "/")
		var err error
		if sockets[i], err = canSocket(netns, dev); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	frame := make([]byte, 16)
	frame[0], frame[4] = 7, byte(copy(frame[8:], args[2]))
	heard := make([]byte, 16)
	for {
		if _, err := unix.Write(sockets[0], frame); err != nil {
			return err
		}
		n, err := unix.Read(sockets[1], heard)
		if err == nil {
			fmt.Println("heard", string(heard[8:min(n, 8+int(heard[4]))]))
			return nil
		}
		if !errors.Is(err, unix.EAGAIN) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// canSocket opens a raw socket on a CAN device of a namespace.
func canSocket(netns, dev string) (int, error) {
	leave, err := enterNamespace(netns)
	if err != nil {
		return 0, err
	}
	defer leave()
	fd, err := unix.Socket(unix.AF_CAN, unix.SOCK_RAW|unix.SOCK_NONBLOCK, unix.CAN_RAW)
	if err != nil {
		return 0, err
	}
	req, err := unix.NewIfreq(dev)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrCAN{Ifindex: int(req.Uint32())})
	}
	return fd, err
}
