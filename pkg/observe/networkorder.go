package observe

import "encoding/binary"

// NetworkOrder returns a number for a field in network byte order, such as the protocol of a packet socket (packet(7)).
func NetworkOrder(n uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], n)
	return binary.NativeEndian.Uint16(b[:])
}
