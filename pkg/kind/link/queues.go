package link

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// queues are the numbers of an interface's queues, which the kernel fixes when it creates the interface; nil is not managed.
type queues struct {
	Tx *int `yaml:"tx" also:"combined" min:"1" max:"4096" doc:"queues for sending"`
	Rx *int `yaml:"rx" min:"1" max:"4096" doc:"queues for receiving"`
}

// noQueues are the types of which linkd cannot choose the queues: it finds an interface, or a program opens a queue of a tun device.
func (t *Type) noQueues() string {
	switch {
	case t == existingType:
		return "the kernel fixes the queues of an interface when it creates it, and linkd does not create this one"
	case t.Make != nil:
		return "a program opens the queues of a " + t.Name + ": write multi_queue: true"
	}
	return ""
}

// attrs returns the attributes for creation.
func (q *queues) attrs() (attrs []*nl.RtAttr) {
	if q == nil {
		return nil
	}
	if q.Tx != nil {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(uint32(*q.Tx))))
	}
	if q.Rx != nil {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(uint32(*q.Rx))))
	}
	return attrs
}

func (q *queues) compare(fs *reconcile.Fields, have *observe.Link) {
	if q == nil {
		return
	}
	for _, one := range []struct {
		name string
		want *int
		have int
	}{{"queues.tx", q.Tx, have.TxQueues}, {"queues.rx", q.Rx, have.RxQueues}} {
		if one.want != nil && *one.want != one.have {
			fs.DifferReplace(one.name, strconv.Itoa(one.have), strconv.Itoa(*one.want))
		}
	}
}

// queuesOf returns the numbers of an observed interface that differ from those of a new one; nil if none does.
func queuesOf(l *observe.Link) *queues {
	t := typeNamed(l.Kind)
	if t == nil || t.noQueues() != "" || t.Queues == noUsualQueues {
		return nil
	}
	usual := max(t.Queues, 1)
	if t.Queues == perCPU {
		usual = possibleCPUs()
	}
	q := &queues{}
	if l.TxQueues != usual {
		q.Tx = &l.TxQueues
	}
	if l.RxQueues != usual {
		q.Rx = &l.RxQueues
	}
	if *q == (queues{}) {
		return nil
	}
	return q
}

// Values of Type.Queues.
const (
	// perCPU is one for each CPU that the machine can have.
	perCPU = -1
	// noUsualQueues: the number depends on how the interface was made.
	noUsualQueues = -2
)

// possibleCPUs returns the number of CPUs that the machine can have, 1 if it is not known.
var possibleCPUs = sync.OnceValue(func() int {
	text, _ := os.ReadFile("/sys/devices/system/cpu/possible")
	count := 0
	for part := range strings.SplitSeq(string(bytes.TrimSpace(text)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		to, lastErr := strconv.Atoi(last)
		if err == nil && lastErr == nil && to >= from {
			count += to - from + 1
		}
	}
	return min(max(count, 1), mostQueues)
})

// mostQueues is the largest number that the kernel accepts (rtnl_create_link in net/core/rtnetlink.c).
const mostQueues = 4096
