package observe_test

import (
	"slices"
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
)

// newsOf does each step in the lab, and waits for news of links that is about the device.
func newsOf(t *testing.T, lab *conform.Lab, device string, steps ...string) {
	t.Helper()
	index, err := lab.NS.Index(device)
	conform.Must(t, err)
	e := listen(t, lab.World)
	for _, step := range steps {
		e.heard = nil
		conform.Must(t, lab.NS.Do(func() error { return sh(step) }))
		e.until("news of "+device+" after "+step, func() bool {
			return slices.ContainsFunc(e.heard, func(n observe.Notification) bool {
				return n.Topic == observe.LinkTopic && slices.Contains(n.Links, index)
			})
		})
	}
}

// In whatever way somebody changes what a bridge keeps of a port, it is news of the port. (Of a port that is down the
// second way is not announced, netdev_state_change in net/core/dev.c; but that it comes up is.)
func TestOptionsOfAPortAreNews(t *testing.T) {
	noLeaks(t)
	lab := conform.Open(t)
	lab.IP(t, "link add br0 type bridge\nlink add eth0 type veth peer name eth1\nlink set eth0 master br0 up")
	newsOf(t, lab, "eth0",
		"bridge link set dev eth0 hairpin on",
		"ip link set eth0 type bridge_slave isolated on",
		"bridge link set dev eth0 cost 7",
		"mount -t sysfs none /sys && echo 1 >/sys/class/net/eth0/brport/multicast_fast_leave && umount /sys",
	)
}

func TestVLANsOfAPortAreNews(t *testing.T) {
	conform.NeedsBridgeVLAN(t)
	noLeaks(t)
	lab := conform.Open(t)
	lab.IP(t, "link add br0 address 02:00:00:00:00:01 type bridge\nlink add eth0 type veth peer name eth1\nlink set eth0 master br0")
	newsOf(t, lab, "eth0",
		"bridge vlan add dev eth0 vid 10-20",
		"bridge vlan del dev eth0 vid 15",
		// All that is said of the bridge here is that it has another default.
		"ip link set br0 type bridge vlan_default_pvid 7",
	)
	newsOf(t, lab, "br0", "bridge vlan add dev br0 vid 10 self")
}
