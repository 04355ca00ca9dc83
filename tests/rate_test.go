package tests

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/shape"
)

func init() {
	smallPrograms["flood"] = flood
	smallPrograms["meter"] = meter
}

// Each packet of a flood has this many bytes of its own, and this many in all with the headers of UDP, IPv4 and Ethernet.
const (
	payload = 1400
	frame   = payload + 8 + 20 + 14
)

// flood sends packets at a rate until it is ended. What a pause of the machine has kept from being sent follows at once.
func flood(args []string) error {
	var rate shape.Rate
	if len(args) != 2 || rate.DecodeWord(args[1]) != nil {
		return errors.New("usage: flood ADDRESS RATE")
	}
	conn, err := net.Dial("udp4", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	packet, begin := make([]byte, payload), time.Now()
	for sent := 0; ; sent++ {
		due := begin.Add(time.Duration(float64(sent*frame) / float64(rate) * float64(time.Second)))
		time.Sleep(time.Until(due))
		// While nobody listens, an error tells of the packet before.
		_, _ = conn.Write(packet)
	}
}

// meter measures at which rate packets of a flood come in, and fails if that is not within a tenth of a rate. It takes the times at
// which the kernel received them, so it does not matter when this process gets to read them.
func meter(args []string) error {
	var want shape.Rate
	if len(args) != 2 || want.DecodeWord(args[1]) != nil {
		return errors.New("usage: meter ADDRESS RATE")
	}
	to, err := net.ResolveUDPAddr("udp4", args[0])
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp4", to)
	if err != nil {
		return err
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		})
	}
	if err != nil {
		return err
	}
	// What comes in during the first second may have waited in a queue for another rate, or be a burst. Then the median of the seconds
	// must not be above the rate. A busy machine pauses in some seconds, or in most: the three best must reach the rate.
	begin := time.Now()
	second := int(want) / frame
	var from time.Time
	var rates []float64
	buf, oob := make([]byte, payload), make([]byte, 64)
	for n := 0; ; n++ {
		if err := conn.SetReadDeadline(begin.Add(patience)); err != nil {
			return err
		}
		_, got, _, _, err := conn.ReadMsgUDP(buf, oob)
		if err != nil {
			return err
		}
		if n == 0 || n%second != 0 {
			continue
		}
		at, err := received(oob[:got])
		if err != nil {
			return err
		}
		if n > second {
			rates = append(rates, float64(second*frame)/at.Sub(from).Seconds())
			slices.Sort(rates)
		}
		from = at
		if len(rates) < 3 {
			continue
		}
		median, third := rates[len(rates)/2], rates[len(rates)-3]
		switch tooFast := median > 1.1*float64(want); {
		case !tooFast && third > 0.9*float64(want):
			fmt.Printf("%s within 10 %%\n", want)
			return nil
		case tooFast && len(rates) >= enoughSeconds, len(rates) >= mostSeconds:
			return fmt.Errorf("%s, at best %s, and not %s", shape.Rate(median), shape.Rate(third), want)
		}
	}
}

// enoughSeconds is how many seconds meter measures before it finds a rate too fast, and mostSeconds before it finds one too slow.
const enoughSeconds, mostSeconds = 30, 120

// received is when the kernel received a packet.
func received(oob []byte) (time.Time, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}, err
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			return time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix()), nil
		}
	}
	return time.Time{}, errors.New("the kernel does not say when it received a packet")
}

// traffic has the qdiscs that somebody made, and the filters for what comes in.
func (r *reader) traffic() {
	var lines []string
	for line := range strings.Lines(r.output("tc", "qdisc", "show")) {
		words := strings.Fields(line)
		if len(words) < 3 || words[2] == "0:" {
			continue
		}
		for i, w := range words {
			switch w {
			case "refcnt":
				words[i], words[i+1] = "", ""
			case "dev":
				for filter := range strings.Lines(r.output("tc", "filter", "show", "dev", words[i+1], "ingress")) {
					lines = append(lines, strings.TrimRight("filter "+words[i+1]+" "+strings.TrimSpace(filter), "\n"))
				}
			}
		}
		lines = append(lines, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	r.lines(lines)
}
