package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"sync"

	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
	"linkd/pkg/observe"
)

// stableMAC returns the address with which linkd creates a link for which the files set none. It is the same each time, after
// reboots too. So neighbours with a cached entry (arp(7)) reach a link that was created again, and a bridge does not change its
// address with its ports. udev does not replace it either: it replaces only random addresses of the kernel (MACAddressPolicy in
// systemd.link(5)). No two machines have the same address, and no two instances of linkd on one machine (observe.World.Instance).
func stableMAC(ns *observe.NS, l *Link) (string, error) {
	key, instance, err := macKey(ns.World().Instance)
	if err != nil {
		return "", fmt.Errorf("choose a MAC address for %s: %w", l.Name, err)
	}
	return l.macFrom(key, instance), nil
}

// macKey returns the key and the instance name from which linkd derives all addresses. The key is the machine's ID (machine-id(5)),
// which programs must not publish. Containers of one image may have the same ID, so their host name is part of the instance name.
// On a machine without an ID, the key is the boot ID, and the addresses are stable until the next boot.
func macKey(instance string) (key []byte, of string, err error) {
	if key, err = machineID.get(); err != nil || !machineIDPattern.Match(key) {
		key, err = bootID.get()
	}
	if err == nil && inContainer() {
		name, nameErr := os.Hostname()
		instance, err = instance+"\x00"+name, nameErr
	}
	return key, instance, err
}

// macFrom returns the link's address: the first six bytes of a digest.
func (l *Link) macFrom(key []byte, instance string) string {
	sum := hmac.New(sha256.New, key)
	end := "first"
	if l.Second {
		end = "second"
	}
	for _, text := range []string{instance, l.Cable, end, l.Name} {
		sum.Write([]byte(text))
		sum.Write([]byte{0})
	}
	mac := net.HardwareAddr(sum.Sum(nil)[:6])
	// Set the bit for locally administered addresses, and clear the bit for multicast.
	mac[0] = mac[0]&^1 | 2
	return mac.String()
}

// machineID is the ID of this machine's installation (machine-id(5)): 32 digits, or none yet.
var machineID = &file{path: "/etc/machine-id"}

var machineIDPattern = regexp.MustCompile(`^[0-9a-f]{32}\n?$`)

// bootID is an ID that is unique to this boot (random(4)).
var bootID = &file{path: "/proc/sys/kernel/random/boot_id"}

// inContainer reports whether linkd's PID namespace is not the machine's, whose inode number is fixed (PROC_PID_INIT_INO in
// include/linux/proc_ns.h).
var inContainer = sync.OnceValue(func() bool {
	const machine = 0xEFFFFFFC
	var ns unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &ns) == nil && ns.Ino != machine
})

// linkd has free file descriptors when it starts. Later, each namespace uses some.
func init() {
	_, _ = machineID.get()
	_, _ = bootID.get()
}

// file is a file that linkd reads once. get does not cache a failure: a linkd without a free file descriptor may have one later.
type file struct {
	path string

	mu   sync.Mutex
	text []byte
}

func (f *file) get() ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.text == nil {
		text, err := bounded.ReadFile(f.path, 4<<10)
		if err != nil {
			return nil, err
		}
		f.text = text
	}
	return f.text, nil
}

// bornMAC returns the address for a new link of a type with addresses of its own; nil lets the kernel choose.
func (l *Link) bornMAC(ns *observe.NS) (*string, error) {
	if l.MAC != nil || l.anyMAC {
		return l.MAC, nil
	}
	mac, err := stableMAC(ns, l)
	return &mac, err
}

// withAnyMAC returns the link with a random address, if err says that its address is in use; nil otherwise. An earlier interface
// with that address may still exist in a namespace that no process can open any more, and a parent cannot have two macvlans with
// the same address (macvlan_open in drivers/net/macvlan.c).
func (l *Link) withAnyMAC(err error) *Link {
	if l.MAC != nil || !errors.Is(err, unix.EADDRINUSE) {
		return nil
	}
	other := *l
	other.anyMAC = true
	return &other
}

// hasBornMAC reports whether one of linkd's links has the address with which linkd created it.
func (l *Link) hasBornMAC(ns *observe.NS) (bool, error) {
	if l.Cable == "" {
		return false, nil
	}
	for _, second := range []bool{false, true} {
		end := *l
		end.Second = second
		mac, err := stableMAC(ns, &end)
		if err != nil {
			return false, err
		}
		if have := l.found.link.MAC; have == mac || have == end.macOfBoot(ns) {
			return true, nil
		}
	}
	return false, nil
}

// macOfBoot returns the address that earlier versions of linkd gave the link, which changed with each boot. Links that they created
// still exist after an upgrade. It returns "" if the boot ID cannot be read.
func (l *Link) macOfBoot(ns *observe.NS) string {
	key, err := bootID.get()
	if err != nil {
		return ""
	}
	return l.macFrom(key, string(ns.World().Host().Identity))
}
