package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// stableMAC is the address with which a link is born that is given none in the files: the same one each time until the
// machine is booted. So neighbours that remember it (arp(7)) find a link that was made again, a bridge does not change its
// own with its ports, and udev, which replaces only what the kernel made up (MACAddressPolicy in systemd.link(5)), leaves
// it alone. No two machines have it in common, not even those that are copies of each other, and neither have two
// namespaces with a linkd in each.
func stableMAC(ns *observe.NS, l *Link) (string, error) {
	boot, err := bootID.get()
	if err != nil {
		return "", fmt.Errorf("choose a MAC address for %s: %w", l.Name, err)
	}
	sum := hmac.New(sha256.New, boot)
	end := "first"
	if l.Second {
		end = "second"
	}
	for _, text := range []string{string(ns.World().Host().Identity), l.Cable, end, l.Name} {
		sum.Write([]byte(text))
		sum.Write([]byte{0})
	}
	mac := net.HardwareAddr(sum.Sum(nil)[:6])
	// Locally administered, and one station's.
	mac[0] = mac[0]&^1 | 2
	return mac.String(), nil
}

// bootID is a number that no other boot of any machine has (random(4)).
var bootID = file{path: "/proc/sys/kernel/random/boot_id"}

// At the start there are file descriptors. Later each namespace takes some.
func init() { _, _ = bootID.get() }

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
		text, err := os.ReadFile(f.path)
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

// hasBornMAC tells whether a link of linkd's has the address with which linkd would make it.
func (l *Link) hasBornMAC(ns *observe.NS) (bool, error) {
	if l.Cable == "" {
		return false, nil
	}
	for _, second := range []bool{false, true} {
		end := *l
		end.Second = second
		mac, err := stableMAC(ns, &end)
		if err != nil || mac == l.found.link.MAC {
			return err == nil, err
		}
	}
	return false, nil
}
