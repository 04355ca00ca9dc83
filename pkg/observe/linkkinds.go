package observe

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// HasLinks reports whether the kernel has a kind of link, named as in ip-link(8), or a module for it. It loads no
// module. The error says that it cannot find out.
func HasLinks(kind string) (bool, error) {
	if kind == tunKind || kind == tapKind {
		return hasTun()
	}
	if modules() == "" {
		// Without modules, a request loads none.
		return MakesLinks(kind)
	}
	return listed(modules(), kind)
}

// hasTun reports whether a program can make tun and tap devices: not by netlink, but by the file of their driver.
func hasTun() (bool, error) {
	_, err := os.Stat("/dev/net/tun")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// listed reports whether depmod(8) lists a module for a kind of link in dir, or lists the kind as built in.
func listed(dir, kind string) (bool, error) {
	alias := "rtnl-link-" + kind
	list, err := os.ReadFile(filepath.Join(dir, "modules.alias"))
	if err != nil {
		return false, err
	}
	if bytes.Contains(list, []byte("alias "+alias+" ")) {
		return true, nil
	}
	// Built-in kinds have no module file, and are listed here since Linux 5.2.
	list, err = os.ReadFile(filepath.Join(dir, "modules.builtin.modinfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, errors.New("this kernel does not list what is built into it")
	}
	return bytes.Contains(list, []byte(".alias="+alias+"\x00")), err
}

// MakesLinks tries to make a link, with attributes of its kind, in a temporary namespace, and reports whether the
// kernel has the kind. It loads the module if there is one. The kernel looks up the kind first and then checks the
// rest, so EINVAL means that it has the kind and needs a parent or an ID (rtnl_newlink in net/core/rtnetlink.c).
func MakesLinks(kind string, options ...*nl.RtAttr) (bool, error) {
	if kind == tunKind || kind == tapKind {
		return hasTun()
	}
	err := NewNamespace(func(string) error {
		req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
		if len(options) > 0 {
			data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
			for _, o := range options {
				data.AddChild(o)
			}
		}
		req.AddData(info)
		// NewNamespace runs this on a thread in the new namespace, so the socket is in it.
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
	switch {
	case err == nil, errors.Is(err, unix.EINVAL):
		return true, nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return false, nil
	}
	return false, err
}
