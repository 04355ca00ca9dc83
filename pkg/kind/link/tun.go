package link

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var tun = &Type{
	Name:  "tun",
	Doc:   "an interface whose packets a program reads and writes, such as a VPN (ip-tuntap(8), mode tun); it stays when the program ends",
	NoMAC: true,
	New:   func() Options { return &tunOptions{} },
	// tun_net_initialize in drivers/net/tun.c.
	TxQueueLen: 500,
	Make:       func(ns *observe.NS, want *Link) error { return makeTun(ns, want, unix.IFF_TUN) },
	Change:     changeTun,
}

var tap = &Type{
	Name:   "tap",
	Doc:    "an interface whose Ethernet frames a program reads and writes, such as a virtual machine (ip-tuntap(8), mode tap); it stays when the program ends",
	OwnMAC: true,
	New:    func() Options { return &tunOptions{} },
	Make:   func(ns *observe.NS, want *Link) error { return makeTun(ns, want, unix.IFF_TAP) },
	Change: changeTun,
}

type tunOptions struct {
	Owner      *uid  `yaml:"owner" also:"user" doc:"the user who may open it, besides root"`
	Group      *gid  `yaml:"group" doc:"the group whose members may open it"`
	PI         *bool `yaml:"pi" doc:"each packet has a header with its protocol, unless the program asks for none when it attaches"`
	VNetHdr    *bool `yaml:"vnet_hdr" also:"vnet-hdr" doc:"each packet has a header for offloads, for virtual machines, unless the program asks for none when it attaches"`
	MultiQueue *bool `yaml:"multi_queue" also:"multi-queue" doc:"a program may open it several times, once for each queue"`
}

// options lists the options (IFLA_TUN_* in linux/if_link.h). The kernel reports no owner if everybody may open it.
func (o *tunOptions) options() []option {
	return []option{
		idOption("owner", nl.IFLA_TUN_OWNER, (*int)(o.Owner)),
		idOption("group", nl.IFLA_TUN_GROUP, (*int)(o.Group)),
		attached(flag("pi", nl.IFLA_TUN_PI, 1, o.PI)),
		attached(flag("vnet_hdr", nl.IFLA_TUN_VNET_HDR, 1, o.VNetHdr)),
		flag("multi_queue", nl.IFLA_TUN_MULTI_QUEUE, 1, o.MultiQueue).immutable(),
	}
}

// attached returns an option that linkd only sets at creation: each program that attaches sets it anew (tun_set_iff in
// drivers/net/tun.c), and the interface must not be replaced under it.
func attached(o option) option {
	o.same = func(_, _ []byte) bool { return true }
	return o
}

func idOption(name string, attr int, value *int) option {
	o := number(name, attr, 4, value)
	o.format = func(value []byte) string {
		if len(value) == 0 {
			return ""
		}
		return decimal(value)
	}
	return o
}

// uid and gid are a user and a group, by number or name.
type (
	uid int
	gid int
)

// DecodeWord looks up a user.
func (u *uid) DecodeWord(word string) error {
	return parseID((*int)(u), word, "user", func(name string) (string, error) {
		found, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return found.Uid, nil
	})
}

// DecodeWord looks up a group.
func (g *gid) DecodeWord(word string) error {
	return parseID((*int)(g), word, "group", func(name string) (string, error) {
		found, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return found.Gid, nil
	})
}

func parseID(id *int, word, what string, lookUp func(name string) (string, error)) error {
	number, isNumber, err := spec.ParseUID(word)
	if !isNumber {
		text, lookErr := lookUp(word)
		if lookErr != nil {
			return fmt.Errorf("there is no %s %q on this machine: create it, or write its number", what, word)
		}
		number, _, err = spec.ParseUID(text)
	}
	*id = int(number)
	return err
}

func (uid) Syntax() spec.Syntax {
	return spec.Syntax{Name: "owner", Doc: "A user's name that this machine knows, or a user ID.", Pattern: spec.UserName("").Syntax().Pattern}
}

func (gid) Syntax() spec.Syntax {
	return spec.Syntax{Name: "group", Doc: "A group's name that this machine knows, or a group ID.", Pattern: spec.UserName("").Syntax().Pattern}
}

// makeTun makes a persistent interface in a namespace. The kernel makes these by ioctl(2) only (tun_validate in drivers/net/tun.c).
func makeTun(ns *observe.NS, want *Link, mode uint16) error {
	o := want.Options.(*tunOptions)
	flags := mode | tunExclusive
	if !spec.ValueOr(o.PI, false) {
		flags |= unix.IFF_NO_PI
	}
	if spec.ValueOr(o.VNetHdr, false) {
		flags |= unix.IFF_VNET_HDR
	}
	if spec.ValueOr(o.MultiQueue, false) {
		flags |= unix.IFF_MULTI_QUEUE
	}
	err := withTun(ns, want.Name, flags, func(fd int) error {
		if err := o.own(fd); err != nil {
			return err
		}
		return unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1)
	})
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%s: %w", want.Name, unix.EEXIST)
	}
	return err
}

// tunExclusive is IFF_TUN_EXCL in linux/if_tun.h: do not take an interface that exists.
const tunExclusive = 0x8000

// withTun calls f with a file of /dev/net/tun that is attached to an interface.
func withTun(ns *observe.NS, name string, flags uint16, f func(fd int) error) error {
	return ns.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open /dev/net/tun: %w: run modprobe tun", err)
		}
		defer unix.Close(fd)
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		req.SetUint16(flags)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			return err
		}
		return f(fd)
	})
}

// own sets the owner and the group.
func (o *tunOptions) own(fd int) error {
	if o.Owner != nil {
		if err := unix.IoctlSetInt(fd, unix.TUNSETOWNER, int(*o.Owner)); err != nil {
			return fmt.Errorf("set the owner to %s: %w", strconv.Itoa(int(*o.Owner)), err)
		}
	}
	if o.Group != nil {
		if err := unix.IoctlSetInt(fd, unix.TUNSETGROUP, int(*o.Group)); err != nil {
			return fmt.Errorf("set the group to %s: %w", strconv.Itoa(int(*o.Group)), err)
		}
	}
	return nil
}

// changeTun changes the owner and the group. The file has to be attached with the flags that the interface has.
func changeTun(ns *observe.NS, want, have *Link) error {
	data := have.found.link.Data
	flags := uint16(observe.Number(data[nl.IFLA_TUN_TYPE]))
	for attr, set := range map[uint16]uint16{nl.IFLA_TUN_VNET_HDR: unix.IFF_VNET_HDR, nl.IFLA_TUN_MULTI_QUEUE: unix.IFF_MULTI_QUEUE} {
		if observe.Number(data[attr]) != 0 {
			flags |= set
		}
	}
	if observe.Number(data[nl.IFLA_TUN_PI]) == 0 {
		flags |= unix.IFF_NO_PI
	}
	err := withTun(ns, want.Name, flags, want.Options.(*tunOptions).own)
	if errors.Is(err, unix.EBUSY) {
		return observe.Pendingf("a program has %s open, and the kernel changes its owner only while none has", want.Name)
	}
	return err
}
