package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	netnsDir = "/run/netns"
	bridges  = 10
)

// makeNamespaces makes the named namespaces that are missing.
func makeNamespaces(names []string) error {
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: a thread in another namespace must not be used again
		made <- func() error {
			for _, name := range names {
				path := filepath.Join(netnsDir, name)
				if _, err := os.Stat(path); err == nil {
					continue
				}
				if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
					return fmt.Errorf("new network namespace: %w", err)
				}
				if err := os.WriteFile(path, nil, 0o444); err != nil {
					return err
				}
				if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
					return fmt.Errorf("name namespace %s: %w", name, err)
				}
			}
			return nil
		}()
	}()
	return <-made
}

// makeBridges makes the bridges that are missing.
func makeBridges() error {
	for i := range bridges {
		b := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("br%d", i)}}
		if err := netlink.LinkAdd(b); err != nil {
			if errors.Is(err, unix.EEXIST) {
				continue
			}
			return err
		}
		if err := netlink.LinkSetUp(b); err != nil {
			return err
		}
	}
	return nil
}

// at opens a socket in a named namespace.
func at(name string) (*netlink.Handle, error) {
	ns, err := netns.GetFromName(name)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	return netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
}
