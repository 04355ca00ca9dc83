package observe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// HasTrafficPart reports whether the kernel has a part of traffic control (tc(8)), or a module for it. The part is called as its
// module: sch_netem is a qdisc, cls_matchall a classifier, act_police an action. It loads no module. The error says that it cannot
// find out.
func HasTrafficPart(module string) (bool, error) {
	if modules() == "" {
		// Without modules, a request loads none.
		return MakesTrafficPart(module)
	}
	for _, name := range []string{"modules.dep", "modules.builtin"} {
		list, err := os.ReadFile(filepath.Join(modules(), name))
		if err != nil {
			return false, err
		}
		if bytes.Contains(list, []byte("/"+module+".ko")) {
			return true, nil
		}
	}
	return false, nil
}

// MakesTrafficPart tries to make a part of traffic control, without its options, in a temporary namespace, and reports whether the
// kernel has it. It loads the module if there is one. The kernel looks up the part first, and then misses the options.
func MakesTrafficPart(module string) (bool, error) {
	const lo, root, clsact, clsactFilters, table = 1, 0xffffffff, 0xfffffff1, 0xfffffff2, 1
	what, kind, _ := strings.Cut(module, "_")
	if module == "sch_ingress" {
		// The module has two qdiscs, and one called ingress.
		kind = "clsact"
	}
	named := nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind))
	send := func(message int, data ...nl.NetlinkRequestData) error {
		req := nl.NewNetlinkRequest(message, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
		req.Data = data
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}
	err := NewNamespace(func(string) error {
		// NewNamespace runs this on a thread in the new namespace, so the socket is in it.
		switch what {
		case "sch":
			place := uint32(root)
			if kind == "clsact" {
				place = clsact
			}
			return send(unix.RTM_NEWQDISC, &nl.TcMsg{Ifindex: lo, Parent: place}, named)
		case "cls":
			err := send(unix.RTM_NEWQDISC, &nl.TcMsg{Ifindex: lo, Parent: clsact}, nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("clsact")))
			if err != nil {
				return err
			}
			all := uint32(nl.Swap16(unix.ETH_P_ALL))
			return send(unix.RTM_NEWTFILTER, &nl.TcMsg{Ifindex: lo, Parent: clsactFilters, Info: 1<<16 | all}, named)
		case "act":
			list := nl.NewRtAttr(nl.TCA_ACT_TAB, nil)
			list.AddRtAttr(table, nil).AddRtAttr(nl.TCA_ACT_KIND, nl.ZeroTerminated(kind))
			return send(unix.RTM_NEWACTION, &nl.TcActionMsg{}, list)
		}
		return fmt.Errorf("%s is no module of traffic control", module)
	})
	switch {
	case err == nil, errors.Is(err, unix.EINVAL):
		return true, nil
	case errors.Is(err, unix.ENOENT):
		return false, nil
	}
	return false, err
}
