package conform

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/observe"
)

// completeKernel is an environment variable. If it is set, this kernel must have everything that a test needs: something
// missing fails the test instead of skipping it.
const completeKernel = "LINKD_TEST_COMPLETE_KERNEL"

// NeedsLink skips the test if the kernel has no links of a kind, named as in ip-link(8): "vlan".
func NeedsLink(t *testing.T, kind string) {
	t.Helper()
	has, err := HasLink(kind)
	needs(t, kind+" links", has, err)
}

// NeedsBridgeVLAN skips the test if bridges cannot filter by VLAN.
func NeedsBridgeVLAN(t *testing.T) {
	t.Helper()
	has, err := HasBridgeVLAN()
	needs(t, bridgeVLAN, has, err)
}

// NeedsTraffic skips the test if the kernel lacks a part of traffic control, called as its module: "sch_netem".
func NeedsTraffic(t *testing.T, module string) {
	t.Helper()
	has, err := HasTraffic(module)
	needs(t, module, has, err)
}

func needs(t *testing.T, what string, has bool, err error) {
	t.Helper()
	if notHere != "" {
		t.Skip(notHere)
	}
	Must(t, err)
	if !has {
		t.Skip("this kernel has no " + what)
	}
}

// HasLink reports whether the kernel has links of a kind; it loads the module if there is one. It needs root.
func HasLink(kind string) (bool, error) {
	return ask(kind+" links", func() (bool, error) { return observe.MakesLinks(kind) })
}

// HasTraffic reports whether the kernel has a part of traffic control, called as its module; it loads the module if there is one. It
// needs root.
func HasTraffic(module string) (bool, error) {
	return ask(module, func() (bool, error) { return observe.MakesTrafficPart(module) })
}

const bridgeVLAN = "bridge VLAN filtering"

// HasBridgeVLAN reports whether bridges can filter by VLAN (CONFIG_BRIDGE_VLAN_FILTERING). It needs root.
func HasBridgeVLAN() (bool, error) {
	return ask(bridgeVLAN, func() (bool, error) {
		return observe.MakesLinks("bridge", nl.NewRtAttr(nl.IFLA_BR_VLAN_FILTERING, nl.Uint8Attr(1)))
	})
}

// answers has the kernel's answers by what was asked for.
var answers sync.Map

func ask(what string, try func() (bool, error)) (bool, error) {
	answer, _ := answers.LoadOrStore(what, sync.OnceValues(func() (bool, error) {
		has, err := try()
		if err != nil {
			return false, fmt.Errorf("find out whether this kernel has %s: %w", what, err)
		}
		if !has && os.Getenv(completeKernel) != "" {
			return false, fmt.Errorf("this kernel has no %s, but %s says that it has everything", what, completeKernel)
		}
		return has, nil
	}))
	return answer.(func() (bool, error))()
}
