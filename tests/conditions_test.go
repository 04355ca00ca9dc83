package tests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"linkd/pkg/kind/conform"
)

// condition is a word in brackets before a story's line, most often `[!CONDITION] skip 'this kernel has no ...'`:
//
//	exists:FILE  the file is there
//	link:KIND    the kernel has links of that kind
//	bridge-vlan  the kernel's bridges can filter by VLAN
//	traffic:MODULE  the kernel has that part of traffic control, such as sch_netem
//	users        there is more than one user: not where an ordinary user is root in a namespace of their own
//	thorough     this is TestFaults: all is done of which else a sample has to do
//	ipv6-disabled  the kernel was started with ipv6.disable=1
//	cards        there are network cards, eth0 and eth1 on one wire, for a story to take
func condition(name string) (bool, error) {
	switch what, argument, _ := strings.Cut(name, ":"); what {
	case "exists":
		_, err := os.Stat(argument)
		return err == nil, nil
	case "link":
		return conform.HasLink(argument)
	case "bridge-vlan":
		return conform.HasBridgeVLAN()
	case "traffic":
		return conform.HasTraffic(argument)
	case "users":
		return os.Getenv(ordinaryUser) == "", nil
	case "thorough":
		return *thorough, nil
	case "ipv6-disabled":
		_, err := os.Stat("/proc/sys/net/ipv6")
		return errors.Is(err, fs.ErrNotExist), nil
	case "cards":
		return os.Getenv(cardsEnv) != "", nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}
