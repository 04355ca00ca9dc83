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

// stableMAC is the address with which a link is born that is given none in the files: the same one each time, over reboots
// too. So neighbours that remember it (arp(7)) find a link that was made again, a bridge does not change its own with its
// ports, and udev, which replaces only what the kernel made up (MACAddressPolicy in systemd.link(5)), leaves it alone. No two
// machines have it in common, and neither have two instances of linkd on one machine (observe.World.Instance).
func stableMAC(ns *observe.NS, l *Link) (string, error) {
	key, instance, err := macKey(ns.World().Instance)
	if err != nil {
		return "", fmt.Errorf("choose a MAC address for %s: %w", l.Name, err)
	}
	return l.macFrom(key, instance), nil
}

// macKey is what all addresses of an instance of linkd are made from: the ID of the machine (machine-id(5)), which is not
// to be shown as it is, and which instance of linkd it is. Containers of one image may have the same ID, and get a name of their
// own. A machine without an ID has addresses that are stable until the next boot.
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

// macFrom is the address of the link that the first bytes of a digest make.
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
	// Locally administered, and one station's.
	mac[0] = mac[0]&^1 | 2
	return mac.String()
}

// machineID is the number that the installation of this machine got (machine-id(5)): 32 digits, or none yet.
var machineID = &file{path: "/etc/machine-id"}

var machineIDPattern = regexp.MustCompile(`^[0-9a-f]{32}\n?$`)

// bootID is a number that no other boot of any machine has (random(4)).
var bootID = &file{path: "/proc/sys/kernel/random/boot_id"}

// inContainer tells whether linkd runs in a PID namespace that is not the machine's, whose number is fixed
// (PROC_PID_INIT_INO in include/linux/proc_ns.h).
var inContainer = sync.OnceValue(func() bool {
	const machine = 0xEFFFFFFC
	var ns unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &ns) == nil && ns.Ino != machine
})

// At the start there are file descriptors. Later each namespace takes some.
func init() {
	_, _ = machineID.get()
	_, _ = bootID.get()
}

// file is a file that is read once. A failure is not kept: where linkd has no file descriptor left, it may have one later.
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

// bornMAC is the address to give to a new link of a kind that has its own; nil leaves it to the kernel.
func (l *Link) bornMAC(ns *observe.NS) (*string, error) {
	if l.MAC != nil || l.anyMAC {
		return l.MAC, nil
	}
	mac, err := stableMAC(ns, l)
	return &mac, err
}

// withAnyMAC is what can be had where the address with which a link would be born is taken, which err tells: the one that
// it was made with before may live on in a namespace that nobody can see any more, and a parent has no two macvlans of one
// address (macvlan_open in drivers/net/macvlan.c).
func (l *Link) withAnyMAC(err error) *Link {
	if l.MAC != nil || !errors.Is(err, unix.EADDRINUSE) {
		return nil
	}
	other := *l
	other.anyMAC = true
	return &other
}

// hasBornMAC tells whether a link of linkd's has the address with which linkd made it.
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

// macOfBoot is the address that earlier versions of linkd gave the link, which lasted until the next boot: links that they made
// are still there after an upgrade. It is "" where it cannot be known.
func (l *Link) macOfBoot(ns *observe.NS) string {
	key, err := bootID.get()
	if err != nil {
		return ""
	}
	return l.macFrom(key, string(ns.World().Host().Identity))
}
