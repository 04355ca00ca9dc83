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

// HasLinks tells whether the kernel has links of a kind, named as in ip-link(8), or a module for them, and loads none. An
// error is that it cannot be told.
func HasLinks(kind string) (bool, error) {
	if modules() == "" {
		// Where there are no modules, to ask for one has no effect.
		return MakesLinks(kind)
	}
	return listed(modules(), kind)
}

// listed tells whether depmod(8) has noted a module for a kind of link, or that the kernel has it built in, below dir.
func listed(dir, kind string) (bool, error) {
	alias := "rtnl-link-" + kind
	list, err := os.ReadFile(filepath.Join(dir, "modules.alias"))
	if err != nil {
		return false, err
	}
	if bytes.Contains(list, []byte("alias "+alias+" ")) {
		return true, nil
	}
	// What is built in has no file, and is listed here since 5.2.
	list, err = os.ReadFile(filepath.Join(dir, "modules.builtin.modinfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, errors.New("this kernel does not list what is built into it")
	}
	return bytes.Contains(list, []byte(".alias="+alias+"\x00")), err
}

// MakesLinks tries to make a link, with attributes of its kind, in a namespace that is gone right after, and so tells whether
// the kernel has such; it loads the module if there is one. The kernel looks for the kind first, and only then
// at the rest: EINVAL is the answer of one that it has, and that wants a parent or an id (rtnl_newlink in
// net/core/rtnetlink.c).
func MakesLinks(kind string, options ...*nl.RtAttr) (bool, error) {
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
		// NewNamespace calls this on a thread in the new namespace, and there the socket is opened.
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
