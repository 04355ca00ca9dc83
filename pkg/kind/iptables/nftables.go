package iptables

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nftRequest returns a request to nf_tables about the tables of a family.
func nftRequest(message, flags, family int, attrs ...[]byte) *nl.NetlinkRequest {
	return netfilterRequest(unix.NFNL_SUBSYS_NFTABLES, message, flags, family, attrs...)
}

// eachNft calls visit for each answer to a dump of nf_tables until visit returns false. It visits nothing if the kernel has no
// nf_tables.
func eachNft(message, family int, visit func(attrs map[uint16][]byte) (more bool), attrs ...[]byte) error {
	return eachAnswer(nftRequest(message, unix.NLM_F_DUMP, family, attrs...), visit)
}

// nftGeneration returns the generation of the present rules, in the kernel's form. Each change increments it.
func nftGeneration() ([]byte, error) {
	var number []byte
	err := eachAnswer(nftRequest(unix.NFT_MSG_GETGEN, 0, unix.AF_UNSPEC), func(attrs map[uint16][]byte) bool {
		number = bytes.Clone(attrs[unix.NFTA_GEN_ID])
		return true
	})
	if err != nil || number == nil {
		return nil, errors.Join(errors.New("ask nf_tables for its generation"), err)
	}
	return number, nil
}

// sendBatch makes nf_tables carry out all requests or none (nfnetlink_rcv_batch in net/netfilter/nfnetlink.c). With a generation,
// it carries them out only if that is still the present one.
func sendBatch(generation []byte, requests ...*nl.NetlinkRequest) error {
	mark := func(message int) *nl.NetlinkRequest {
		req := nl.NewNetlinkRequest(message, 0)
		req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0, ResId: nl.Swap16(unix.NFNL_SUBSYS_NFTABLES)})
		return req
	}
	begin, end := mark(unix.NFNL_MSG_BATCH_BEGIN), mark(unix.NFNL_MSG_BATCH_END)
	if generation != nil {
		begin.AddRawData(nl.NewRtAttr(unix.NFNL_BATCH_GENID, generation).Serialize())
	}
	batch := begin.Serialize()
	for _, req := range requests {
		batch = append(batch, req.Serialize()...)
	}
	batch = append(batch, end.Serialize()...)

	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		return err
	}
	if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	// The kernel answers each request. If one fails, all fail, but are answered nevertheless. A batch with an old generation has
	// one answer.
	buf := make([]byte, 64<<10)
	for answered := 0; answered < len(requests); {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return err
		}
		for b := buf[:n]; len(b) >= unix.SizeofNlMsghdr+4; {
			length := int(binary.NativeEndian.Uint32(b))
			if length < unix.SizeofNlMsghdr+4 || length > len(b) {
				return unix.EBADMSG
			}
			if errno := int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); errno != 0 {
				return unix.Errno(-errno)
			}
			answered++
			b = b[min((length+3)&^3, len(b)):]
		}
	}
	return nil
}

// bigEndian returns a number of nf_tables.
func bigEndian(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// nftHasChain reports whether nf_tables has a chain of a family for whose name isIt is true.
func nftHasChain(family int, isIt func(name string) bool) (has bool, err error) {
	err = eachNft(unix.NFT_MSG_GETCHAIN, family, func(attrs map[uint16][]byte) bool {
		has = isIt(unix.ByteSliceToString(attrs[unix.NFTA_CHAIN_NAME]))
		return !has
	})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		// Another program is changing the chains.
		return true, nil
	}
	if err != nil {
		return has, fmt.Errorf("list the chains of nf_tables: %w", err)
	}
	return has, nil
}

// nftTables returns the names of the tables of a family.
func nftTables(family int) (names []string, err error) {
	err = eachNft(unix.NFT_MSG_GETTABLE, family, func(attrs map[uint16][]byte) bool {
		names = append(names, unix.ByteSliceToString(attrs[unix.NFTA_TABLE_NAME]))
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables of nf_tables: %w", err)
	}
	return names, nil
}
