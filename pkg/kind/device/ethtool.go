package device

import (
	"sync"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The commands and sizes of linux/ethtool.h.
const (
	ethtoolGetStrings    = 0x1b
	ethtoolGetSetInfo    = 0x37
	ethtoolGetFeatures   = 0x3a
	ethtoolSetFeatures   = 0x3b
	featureStrings       = 4
	stringLength         = 32
	getBlock, setBlock   = 16, 8
	headLength           = 8
	stringsHead, setHead = 12, 16
	mostFeatures         = 1024
)

// request is struct ifreq with a pointer (netdevice(7)).
type request struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// ethtool opens a socket for the namespace of the calling thread.
type ethtool int

func openEthtool() (ethtool, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	return ethtool(socket), err
}

func (e ethtool) close() { unix.Close(int(e)) }

// call sends a command, whose number is the first of message, and gets the answer in its place.
func (e ethtool) call(dev string, message []byte) error {
	var r request
	copy(r.name[:unix.IFNAMSIZ-1], dev)
	r.data = unsafe.Pointer(&message[0])
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return errno
	}
	return nil
}

func numbers(length int, first ...uint32) []byte {
	b := make([]byte, length)
	for i, n := range first {
		nl.NativeEndian().PutUint32(b[4*i:], n)
	}
	return b
}

// features are the names of the kernel's offloads by their number: the same for all interfaces. It is empty until they are read.
var features struct {
	sync.Mutex
	names []string
}

// names returns the names of the kernel's offloads; dev is any interface.
func (e ethtool) names(dev string) ([]string, error) {
	features.Lock()
	defer features.Unlock()
	if features.names != nil {
		return features.names, nil
	}
	info := numbers(setHead+4, ethtoolGetSetInfo)
	nl.NativeEndian().PutUint64(info[headLength:], 1<<featureStrings)
	if err := e.call(dev, info); err != nil {
		return nil, err
	}
	count := min(int(nl.NativeEndian().Uint32(info[setHead:])), mostFeatures)
	list := numbers(stringsHead+stringLength*count, ethtoolGetStrings, featureStrings, uint32(count))
	if err := e.call(dev, list); err != nil {
		return nil, err
	}
	for i := range count {
		features.names = append(features.names, unix.ByteSliceToString(list[stringsHead+stringLength*i:][:stringLength]))
	}
	return features.names, nil
}

// read returns the offloads of an interface.
func (e ethtool) read(dev string) (map[string]part, error) {
	names, err := e.names(dev)
	if err != nil {
		return nil, err
	}
	blocks := (len(names) + 31) / 32
	message := numbers(headLength+getBlock*blocks, ethtoolGetFeatures, uint32(blocks))
	if err := e.call(dev, message); err != nil {
		return nil, err
	}
	parts := map[string]part{}
	for i, name := range names {
		block := message[headLength+getBlock*(i/32):]
		has := func(at int) bool { return nl.NativeEndian().Uint32(block[at:])&(1<<(i%32)) != 0 }
		if name != "" {
			// struct ethtool_get_features_block: available, requested, active, never_changed.
			parts[name] = part{fixed: !has(0), wanted: has(4), active: has(8)}
		}
	}
	return parts, nil
}

// write sets offloads of an interface.
func (e ethtool) write(dev string, states map[string]bool) error {
	names, err := e.names(dev)
	if err != nil {
		return err
	}
	blocks := (len(names) + 31) / 32
	message := numbers(headLength+setBlock*blocks, ethtoolSetFeatures, uint32(blocks))
	for i, name := range names {
		state, given := states[name]
		if !given {
			continue
		}
		// struct ethtool_set_features_block: valid, requested.
		block := message[headLength+setBlock*(i/32):]
		set := func(at int) {
			nl.NativeEndian().PutUint32(block[at:], nl.NativeEndian().Uint32(block[at:])|1<<(i%32))
		}
		if set(0); state {
			set(4)
		}
	}
	return e.call(dev, message)
}
