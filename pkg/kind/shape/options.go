package shape

import (
	"math"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/observe"
)

// The attributes of netem that the netlink package does not have (linux/pkt_sched.h).
const (
	netemLatency64 = 10
	netemJitter64  = 11
	netemSlot      = 12
)

// options returns the attributes of a complete shape.
func (s *Shape) options() *nl.RtAttr {
	if s.kind() == tbf {
		return s.tbfOptions()
	}
	return s.netemOptions()
}

// rateSpec returns a rate for the kernel. With a link layer, it computes times itself and takes no table of them (qdisc_get_rtab in
// net/sched/sch_api.c). A rate of more than 32 bits has an attribute of its own.
func rateSpec(r Rate) nl.TcRateSpec {
	return nl.TcRateSpec{Linklayer: nl.LINKLAYER_ETHERNET, Rate: uint32(min(r, math.MaxUint32))}
}

func (s *Shape) tbfOptions() *nl.RtAttr {
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	opt := nl.TcTbfQopt{Rate: rateSpec(s.Rate), Limit: s.Limit, Buffer: s.Rate.ticks(s.Burst)}
	options.AddRtAttr(nl.TCA_TBF_PARMS, opt.Serialize())
	options.AddRtAttr(nl.TCA_TBF_BURST, nl.Uint32Attr(uint32(s.Burst)))
	if s.Rate > math.MaxUint32 {
		options.AddRtAttr(nl.TCA_TBF_RATE64, nl.Uint64Attr(uint64(s.Rate)))
	}
	return options
}

// netemOptions returns all attributes, because the kernel keeps what a request for a change leaves out (netem_change in
// net/sched/sch_netem.c). They follow a struct, and are not part of it.
func (s *Shape) netemOptions() *nl.RtAttr {
	opt := nl.TcNetemQopt{
		Latency: s.Delay.ticks(), Jitter: s.Jitter.ticks(), Limit: s.Limit, Loss: s.Loss.Share, Duplicate: s.Duplicate.Share,
	}
	if s.Reorder.Share != 0 {
		opt.Gap = 1
	}
	options := nl.NewRtAttr(nl.TCA_OPTIONS, opt.Serialize())
	options.AddRtAttr(nl.TCA_NETEM_CORR, (&nl.TcNetemCorr{LossCorr: s.Loss.Correlation, DupCorr: s.Duplicate.Correlation}).Serialize())
	options.AddRtAttr(nl.TCA_NETEM_REORDER, (&nl.TcNetemReorder{Probability: s.Reorder.Share, Correlation: s.Reorder.Correlation}).Serialize())
	options.AddRtAttr(nl.TCA_NETEM_CORRUPT, (&nl.TcNetemCorrupt{Probability: s.Corrupt.Share, Correlation: s.Corrupt.Correlation}).Serialize())
	options.AddRtAttr(nl.TCA_NETEM_RATE, (&nl.TcNetemRate{Rate: uint32(min(s.Rate, math.MaxUint32))}).Serialize())
	if s.Rate > math.MaxUint32 {
		options.AddRtAttr(nl.TCA_NETEM_RATE64, nl.Uint64Attr(uint64(s.Rate)))
	}
	options.AddRtAttr(netemLatency64, nl.Uint64Attr(uint64(s.Delay)))
	options.AddRtAttr(netemJitter64, nl.Uint64Attr(uint64(s.Jitter)))
	return options
}

func (t Time) ticks() uint32 { return uint32(min(t/tick, math.MaxUint32)) }

// shape returns what the qdisc does; nil if the files cannot express that.
func (q *qdisc) shape() *Shape {
	switch q.kind {
	case tbf:
		return tbfShape(q.options)
	case netem:
		return netemShape(q.options)
	}
	return nil
}

func tbfShape(options []byte) *Shape {
	attrs, err := observe.Attrs(options)
	if err != nil || len(attrs[nl.TCA_TBF_PARMS]) < nl.SizeofTcTbfQopt {
		return nil
	}
	opt := *nl.DeserializeTcTbfQopt(attrs[nl.TCA_TBF_PARMS])
	if opt.Peakrate.Rate != 0 || opt.Rate.Overhead != 0 || opt.Rate.Mpu != 0 || opt.Rate.Rate == 0 {
		return nil
	}
	s := &Shape{Rate: Rate(opt.Rate.Rate), Limit: opt.Limit}
	if wide := attrs[nl.TCA_TBF_RATE64]; len(wide) == 8 {
		s.Rate = Rate(observe.Number(wide))
	}
	s.Burst = s.Rate.size(opt.Buffer)
	if latency := s.Rate.latency(s.Limit, s.Burst); s.Rate.limit(latency, s.Burst) == s.Limit {
		s.Latency = latency
	}
	return s
}

func netemShape(options []byte) *Shape {
	if len(options) < nl.SizeofTcNetemQopt {
		return nil
	}
	attrs, err := observe.Attrs(options[nl.SizeofTcNetemQopt:])
	if err != nil {
		return nil
	}
	opt := *nl.DeserializeTcNetemQopt(options)
	s := &Shape{Limit: opt.Limit, Delay: Time(opt.Latency) * tick, Jitter: Time(opt.Jitter) * tick}
	if exact := attrs[netemLatency64]; len(exact) == 8 {
		s.Delay = Time(observe.Number(exact))
	}
	if exact := attrs[netemJitter64]; len(exact) == 8 {
		s.Jitter = Time(observe.Number(exact))
	}
	corr, reorder, corrupt, rate := words(attrs[nl.TCA_NETEM_CORR]), words(attrs[nl.TCA_NETEM_REORDER]), words(attrs[nl.TCA_NETEM_CORRUPT]), words(attrs[nl.TCA_NETEM_RATE])
	const delayCorr, lossCorr, dupCorr, packetOverhead, cellSize = 0, 1, 2, 1, 2
	s.Loss = Chance{opt.Loss, corr[lossCorr]}
	s.Duplicate = Chance{opt.Duplicate, corr[dupCorr]}
	s.Reorder = Chance{reorder[0], reorder[1]}
	s.Corrupt = Chance{corrupt[0], corrupt[1]}
	s.Rate = Rate(rate[0])
	if wide := attrs[nl.TCA_NETEM_RATE64]; len(wide) == 8 {
		s.Rate = Rate(observe.Number(wide))
	}
	special := opt.Gap > 1 || corr[delayCorr] != 0 || rate[packetOverhead] != 0 || rate[cellSize] != 0 ||
		attrs[nl.TCA_NETEM_LOSS] != nil || attrs[nl.TCA_NETEM_ECN] != nil || attrs[netemSlot] != nil
	if special || s.kind() != netem {
		return nil
	}
	return s
}

// words returns the numbers of a struct of 32-bit ones; those that are not there are 0.
func words(b []byte) (numbers [4]uint32) {
	for i := range numbers {
		if len(b) >= 4*(i+1) {
			numbers[i] = nl.NativeEndian().Uint32(b[4*i:])
		}
	}
	return numbers
}
