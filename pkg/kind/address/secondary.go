package address

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// sparingSecondaries calls remove, which deletes an IPv4 address, and keeps the other addresses of its subnet. The kernel deletes
// those with the first address, unless the device promotes them (promote_secondaries in Documentation/networking/ip-sysctl.rst;
// __inet_del_ifa in net/ipv4/devinet.c), so sparingSecondaries turns that on meanwhile. Adding them again afterwards would not
// restore the routes through the subnet.
func sparingSecondaries(ns *observe.NS, have *Address, index int, remove func() error) error {
	others, err := listOn(ns, have, index)
	if err != nil {
		return err
	}
	if !hasSecondaries(have, others) {
		return remove()
	}
	return ns.Do(func() (err error) {
		path := fmt.Sprintf("/proc/sys/net/ipv4/conf/%s/promote_secondaries", have.Dev)
		before, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(before)) == "0" {
			if err := os.WriteFile(path, []byte("1"), 0); err != nil {
				return fmt.Errorf("%w: without it, other addresses of %s would go with this one", err, have.Prefix.Masked())
			}
			defer func() { err = errors.Join(err, os.WriteFile(path, before, 0)) }()
		}
		return remove()
	})
}

// hasSecondaries reports whether others are in the address's subnet. The kernel compares the subnets of the peers.
func hasSecondaries(have *Address, others []*Address) bool {
	subnet := func(a *Address) string {
		p, _ := spec.ValueOr(a.Peer, a.Prefix.Addr()).Prefix(a.Prefix.Bits())
		return p.String()
	}
	for _, other := range others {
		if other.Prefix != have.Prefix && subnet(other) == subnet(have) {
			return true
		}
	}
	return false
}
