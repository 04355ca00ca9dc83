package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
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
func stableMAC(ns *observe.NS, l *Link) string {
	sum := hmac.New(sha256.New, bootID())
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
	return mac.String()
}

// bootID is a number that no other boot of any machine has (random(4)).
var bootID = sync.OnceValue(func() []byte {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		// Without /proc there is no namespace to be wired either.
		panic(err)
	}
	return id
})

// bornMAC is the address to give to a new link of a kind that has its own; nil leaves it to the kernel.
func (l *Link) bornMAC(ns *observe.NS) *string {
	if l.MAC != nil || l.anyMAC {
		return l.MAC
	}
	mac := stableMAC(ns, l)
	return &mac
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
func (l *Link) hasBornMAC(ns *observe.NS) bool {
	if l.Cable == "" {
		return false
	}
	first, second := *l, *l
	first.Second, second.Second = false, true
	mac := l.found.link.MAC
	return mac == stableMAC(ns, &first) || mac == stableMAC(ns, &second)
}
