package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// probe is a question to the broadcast domain of an interface: whether another host has an address.
type probe struct {
	ns    *observe.NS
	index int
	mac   net.HardwareAddr
	ip    netip.Addr
}

// answerWithin is how long doctor waits for the answers to all probes. RFC 5227 waits for seconds, because a host may be booting; a
// host that uses an address answers within milliseconds.
const answerWithin = 500 * time.Millisecond

// mostAnswers is how many ARP packets doctor reads in a namespace while it waits.
const mostAnswers = 10_000

// sendProbes sends ARP probes (RFC 5227, 2.1.1): requests without a sender address, so that no neighbour updates its entries. It
// returns the addresses for which another MAC address answers.
func sendProbes(probes []probe) (others map[netip.Addr]map[*observe.NS]net.HardwareAddr, err error) {
	sockets := map[*observe.NS]int{}
	defer func() {
		for _, fd := range sockets {
			unix.Close(fd)
		}
	}()
	others = map[netip.Addr]map[*observe.NS]net.HardwareAddr{}
	for _, p := range probes {
		fd, open := sockets[p.ns]
		if !open {
			err := p.ns.Do(func() (err error) {
				fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(observe.NetworkOrder(unix.ETH_P_ARP)))
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("open a packet socket in %s: %w", p.ns.Name, err)
			}
			sockets[p.ns] = fd
		}
		to := &unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(unix.ETH_P_ARP), Ifindex: p.index, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
		if err := unix.Sendto(fd, address.ARPRequest(p.mac, netip.IPv4Unspecified(), p.ip), 0, to); err != nil && !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ENOBUFS) {
			return nil, fmt.Errorf("send a probe in %s: %w", p.ns.Name, err)
		}
	}
	until := time.Now().Add(answerWithin)
	for left := answerWithin; left > 0; left = time.Until(until) {
		var polled []unix.PollFd
		for _, fd := range sockets {
			polled = append(polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		if _, err := unix.Poll(polled, int(left.Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("wait for answers: %w", err)
		}
		for ns, fd := range sockets {
			readAnswers(fd, func(index int, from netip.Addr, mac net.HardwareAddr) {
				for _, p := range probes {
					if p.ns == ns && p.index == index && p.ip == from && !bytes.Equal(p.mac, mac) {
						if others[p.ip] == nil {
							others[p.ip] = map[*observe.NS]net.HardwareAddr{}
						}
						others[p.ip][ns] = mac
					}
				}
			})
		}
	}
	return others, nil
}

// readAnswers calls visit with the sender of each ARP packet and the interface that received it.
func readAnswers(fd int, visit func(index int, from netip.Addr, mac net.HardwareAddr)) {
	buf := make([]byte, 64)
	for range mostAnswers {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return
		}
		at, is := from.(*unix.SockaddrLinklayer)
		if !is || at.Pkttype == unix.PACKET_OUTGOING || n < 28 || buf[4] != 6 || buf[5] != 4 {
			continue
		}
		ip, _ := netip.AddrFromSlice(buf[14:18])
		visit(at.Ifindex, ip, bytes.Clone(buf[8:14]))
	}
}
