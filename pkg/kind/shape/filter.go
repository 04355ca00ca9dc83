package shape

import (
	"errors"
	"fmt"
	"math"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

const (
	matchall = "matchall"
	police   = "police"
)

// The attributes and verdicts that the netlink package does not have (linux/pkt_cls.h).
const (
	policeRate64 = 8
	// shot drops a packet, and unspec leaves it to the next filter (TC_ACT_*).
	shot   = 2
	unspec = math.MaxUint32
)

// filterRequest returns a request about linkd's filter of a device.
func filterRequest(kind, flags, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(index), Parent: ingressFilters, Handle: filterHandle, Info: filterInfo})
	return req
}

// filterInfo is the preference, and the protocol in network byte order: all.
var filterInfo = preference<<16 | uint32(nl.Swap16(unix.ETH_P_ALL))

// eachFilter lists the filters in a place of a device; with a preference, those that have it.
func eachFilter(ns *observe.NS, index int, parent, preference uint32, visit func(msg []byte)) error {
	req := nl.NewNetlinkRequest(unix.RTM_GETTFILTER, unix.NLM_F_DUMP)
	req.AddData(&nl.TcMsg{Family: unix.AF_UNSPEC, Ifindex: int32(index), Parent: parent, Info: preference << 16})
	_, err := ns.RequestSome(req, unix.RTM_NEWTFILTER, func(msg []byte) bool {
		// The kernel lists each preference of a classifier as well as its filters, which have handles.
		if nl.DeserializeTcMsg(msg).Handle != 0 {
			visit(msg)
		}
		return false
	})
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: list filters: %w", ns.Name, err)
	}
	return nil
}

// filterOf returns linkd's filter of a device; nil if there is none.
func filterOf(ns *observe.NS, index int) (found *Ingress, err error) {
	var wrong error
	err = eachFilter(ns, index, ingressFilters, preference, func(msg []byte) {
		i, err := parseFilter(msg)
		if err != nil {
			wrong = err
		}
		if i != nil {
			found = i
		}
	})
	return found, errors.Join(err, wrong)
}

// parseFilter reads a filter; nil if it is not one with linkd's mark.
func parseFilter(msg []byte) (*Ingress, error) {
	head := nl.DeserializeTcMsg(msg)
	attrs, err := observe.Attrs(msg[nl.SizeofTcMsg:])
	if err != nil || nl.BytesToString(attrs[nl.TCA_KIND]) != matchall || head.Handle != filterHandle {
		return nil, err
	}
	i := &Ingress{index: int(head.Ifindex)}
	options, err := observe.Attrs(attrs[nl.TCA_OPTIONS])
	if err != nil {
		return nil, err
	}
	actions, err := observe.Attrs(options[nl.TCA_MATCHALL_ACT])
	if err != nil || len(actions) != 1 {
		return i, err
	}
	for _, action := range actions {
		err = i.parseAction(action)
	}
	return i, err
}

// parseAction reads the action. If it is not as linkd's, the rate stays 0.
func (i *Ingress) parseAction(action []byte) error {
	attrs, err := observe.Attrs(action)
	if err != nil || nl.BytesToString(attrs[nl.TCA_ACT_KIND]) != police {
		return err
	}
	options, err := observe.Attrs(attrs[nl.TCA_ACT_OPTIONS])
	if err != nil || len(options[nl.TCA_POLICE_TBF]) < nl.SizeofTcPolice {
		return err
	}
	p := *nl.DeserializeTcPolice(options[nl.TCA_POLICE_TBF])
	if p.Action != shot || observe.Number(options[nl.TCA_POLICE_RESULT]) != unspec || p.Mtu != longest || p.PeakRate.Rate != 0 {
		return nil
	}
	i.action, i.Rate = p.Index, Rate(p.Rate.Rate)
	if wide := options[policeRate64]; len(wide) == 8 {
		i.Rate = Rate(observe.Number(wide))
	}
	i.Burst = i.Rate.size(p.Burst)
	return nil
}

// options returns the attributes of the filter.
func (i *Ingress) options() *nl.RtAttr {
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_MATCHALL_ACT, nil).AddChild(i.actionAttr(0))
	return options
}

// changeAction returns a request that changes the police action of that number.
func (i *Ingress) changeAction(number uint32) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWACTION, unix.NLM_F_REPLACE)
	req.AddData(&nl.TcActionMsg{Family: unix.AF_UNSPEC})
	list := nl.NewRtAttr(nl.TCA_ACT_TAB, nil)
	list.AddChild(i.actionAttr(number))
	req.AddData(list)
	return req
}

// actionAttr returns the police action; number is 0 for a new one.
func (i *Ingress) actionAttr(number uint32) *nl.RtAttr {
	parm := nl.TcPolice{Index: number, Action: shot, Burst: i.Rate.ticks(i.complete()), Mtu: longest, Rate: rateSpec(i.Rate)}
	// The kernel takes no rate without a table of times, and does not read what is in that (qdisc_get_rtab in net/sched/sch_api.c,
	// tcf_police_init in net/sched/act_police.c).
	var table [256]uint32
	netlink.CalcRtable(&parm.Rate, table[:], -1, 0, nl.LINKLAYER_ETHERNET)
	action := nl.NewRtAttr(1, nil)
	action.AddRtAttr(nl.TCA_ACT_KIND, nl.ZeroTerminated(police))
	options := action.AddRtAttr(nl.TCA_ACT_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_POLICE_TBF, parm.Serialize())
	options.AddRtAttr(nl.TCA_POLICE_RATE, netlink.SerializeRtab(table))
	options.AddRtAttr(nl.TCA_POLICE_RESULT, nl.Uint32Attr(unspec))
	if i.Rate > math.MaxUint32 {
		options.AddRtAttr(policeRate64, nl.Uint64Attr(uint64(i.Rate)))
	}
	return action
}
