package tests

import (
	bits "encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"os"
	"time"
)

// The first two packets of an association (RFC 9260), over raw sockets: a kernel need not have SCTP of its own.
const (
	sctpInit    = 1
	sctpInitAck = 2
	// sctpHeader and initLength are the lengths in bytes of the common header and of the chunk INIT.
	sctpHeader = 12
	initLength = 20
	initTag    = 0x01020304
)

// sctpPacket is a packet with one chunk, INIT or INIT ACK.
func sctpPacket(from, to uint16, tag uint32, chunk byte) []byte {
	p := make([]byte, sctpHeader+initLength)
	bits.BigEndian.PutUint16(p, from)
	bits.BigEndian.PutUint16(p[2:], to)
	bits.BigEndian.PutUint32(p[4:], tag)
	p[sctpHeader] = chunk
	bits.BigEndian.PutUint16(p[sctpHeader+2:], initLength)
	bits.BigEndian.PutUint32(p[sctpHeader+4:], initTag)
	bits.BigEndian.PutUint32(p[sctpHeader+8:], 1<<16)
	bits.BigEndian.PutUint32(p[sctpHeader+12:], 1<<16|1)
	bits.BigEndian.PutUint32(p[sctpHeader+16:], initTag)
	bits.LittleEndian.PutUint32(p[8:], crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)))
	return p
}

// isSCTP tells whether a packet for a port has the right checksum and begins with that chunk.
func isSCTP(p []byte, port uint16, chunk byte) bool {
	if len(p) < sctpHeader+initLength || bits.BigEndian.Uint16(p[2:]) != port || p[sctpHeader] != chunk {
		return false
	}
	sum := bits.LittleEndian.Uint32(p[8:])
	bits.LittleEndian.PutUint32(p[8:], 0)
	return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) == sum
}

// accept answers whoever begins an association with a port of an address.
func accept(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: accept ADDRESS:PORT")
	}
	at, err := netip.ParseAddrPort(args[0])
	if err != nil {
		return err
	}
	conn, err := net.ListenPacket("ip4:132", at.Addr().String())
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for p := make([]byte, 1500); ; {
		n, from, err := conn.ReadFrom(p)
		if err != nil {
			return err
		}
		if !isSCTP(p[:n], at.Port(), sctpInit) {
			continue
		}
		if _, err := conn.WriteTo(sctpPacket(at.Port(), bits.BigEndian.Uint16(p), initTag, sctpInitAck), from); err != nil {
			return err
		}
	}
}

// associate begins an association, and prints who answers.
func associate(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: associate ADDRESS:PORT")
	}
	to, err := netip.ParseAddrPort(args[0])
	if err != nil {
		return err
	}
	conn, err := net.ListenPacket("ip4:132", "0.0.0.0")
	if err != nil {
		return err
	}
	const port = 40132
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.WriteTo(sctpPacket(port, to.Port(), 0, sctpInit), &net.IPAddr{IP: to.Addr().AsSlice()}); err != nil {
		return err
	}
	for p := make([]byte, 1500); ; {
		n, from, err := conn.ReadFrom(p)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("no answer")
		}
		if err != nil {
			return err
		}
		if isSCTP(p[:n], port, sctpInitAck) {
			fmt.Printf("%s:%d answers\n", from, bits.BigEndian.Uint16(p))
			return nil
		}
	}
}
