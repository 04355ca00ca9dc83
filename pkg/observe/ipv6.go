package observe

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// minMTUOfIPv6 is IPV6_MIN_MTU: the kernel disables IPv6 on a device with a smaller MTU (addrconf_notify in
// net/ipv6/addrconf.c; RFC 8200, section 5).
const minMTUOfIPv6 = 1280

// ExplainIPv6 adds the reason to the error of an IPv6 request if the kernel has no IPv6, or none on the device dev.
// Dev is "" for a request about no device. It returns a nil or pending error unchanged.
func (ns *NS) ExplainIPv6(dev string, err error) error {
	if err == nil || errors.Is(err, ErrPending) {
		return err
	}
	if why := ns.whyNoIPv6(dev); why != "" {
		return fmt.Errorf("%s: %w", why, err)
	}
	return err
}

// whyNoIPv6 returns why a device of the namespace has no IPv6; "" if it has IPv6 or cannot be looked at.
func (ns *NS) whyNoIPv6(dev string) string {
	if has, err := ns.hasIPv6(); err == nil && !has {
		return "the kernel has no IPv6: it was started with ipv6.disable=1, or is built without it"
	}
	if dev == "" {
		return ""
	}
	link, err := ns.LinkByName(dev)
	if err != nil {
		return ""
	}
	if link.MTU < minMTUOfIPv6 {
		return fmt.Sprintf("IPv6 needs an MTU of %d or more, and %s has %d", minMTUOfIPv6, dev, link.MTU)
	}
	disabled := false
	_ = ns.Do(func() error {
		text, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + dev + "/disable_ipv6")
		disabled = err == nil && strings.TrimSpace(string(text)) == "1"
		return nil
	})
	if disabled {
		return fmt.Sprintf("IPv6 is disabled on %s: declare the sysctl net.ipv6.conf.%s.disable_ipv6: 0", dev, dev)
	}
	return ""
}

// hasIPv6 reports whether the kernel has IPv6. One without it answers no request of that family
// (rtnetlink_rcv_msg in net/core/rtnetlink.c).
func (ns *NS) hasIPv6() (bool, error) {
	_, err := ns.netconf(unix.AF_INET6, netconfAll)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return false, nil
	}
	return err == nil, err
}
