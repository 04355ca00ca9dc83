package observe

import (
	"errors"
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

// ethtoolRequest is struct ifreq with a pointer (netdevice(7)).
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// Offload is one of the offloads of an interface (ethtool(8)).
type Offload struct {
	// Wanted is what a program has set. Active is what the kernel does: an offload may need another one that is off. Fixed: the
	// driver cannot change it.
	Wanted, Active, Fixed bool
}

// Offloads returns the offloads of an interface, by the kernel's names; none if the interface is gone or has no offloads.
func (ns *NS) Offloads(dev string) (offloads map[string]Offload, err error) {
	err = ns.withEthtool(func(e ethtool) error {
		offloads, err = e.read(dev)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		}
		return err
	})
	return offloads, err
}

// SetOffloads sets offloads of an interface, by the kernel's names. It leaves out those that the kernel does not have, and those that
// are fixed.
func (ns *NS) SetOffloads(dev string, states map[string]bool) error {
	return ns.withEthtool(func(e ethtool) error { return e.write(dev, states) })
}

func (ns *NS) withEthtool(do func(e ethtool) error) error {
	return ns.Do(func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		return do(ethtool(socket))
	})
}

// ethtool is a socket in a namespace.
type ethtool int

// call sends a command, whose number is the first of message, and gets the answer in its place.
func (e ethtool) call(dev string, message []byte) error {
	var r ethtoolRequest
	copy(r.name[:unix.IFNAMSIZ-1], dev)
	r.data = unsafe.Pointer(&message[0])
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return errno
	}
	return nil
}

func ethtoolMessage(length int, first ...uint32) []byte {
	b := make([]byte, length)
	for i, n := range first {
		nl.NativeEndian().PutUint32(b[4*i:], n)
	}
	return b
}

// featureNames are the names of the kernel's offloads by their number: the same for all interfaces. It is empty until they are read.
var featureNames struct {
	sync.Mutex
	names []string
}

// names returns the names of the kernel's offloads; dev is any interface.
func (e ethtool) names(dev string) ([]string, error) {
	featureNames.Lock()
	defer featureNames.Unlock()
	if featureNames.names != nil {
		return featureNames.names, nil
	}
	info := ethtoolMessage(setHead+4, ethtoolGetSetInfo)
	nl.NativeEndian().PutUint64(info[headLength:], 1<<featureStrings)
	if err := e.call(dev, info); err != nil {
		return nil, err
	}
	count := min(int(nl.NativeEndian().Uint32(info[setHead:])), mostFeatures)
	list := ethtoolMessage(stringsHead+stringLength*count, ethtoolGetStrings, featureStrings, uint32(count))
	if err := e.call(dev, list); err != nil {
		return nil, err
	}
	for i := range count {
		featureNames.names = append(featureNames.names, unix.ByteSliceToString(list[stringsHead+stringLength*i:][:stringLength]))
	}
	return featureNames.names, nil
}

// read returns the offloads of an interface.
func (e ethtool) read(dev string) (map[string]Offload, error) {
	names, err := e.names(dev)
	if err != nil {
		return nil, err
	}
	blocks := (len(names) + 31) / 32
	message := ethtoolMessage(headLength+getBlock*blocks, ethtoolGetFeatures, uint32(blocks))
	if err := e.call(dev, message); err != nil {
		return nil, err
	}
	offloads := map[string]Offload{}
	for i, name := range names {
		block := message[headLength+getBlock*(i/32):]
		has := func(at int) bool { return nl.NativeEndian().Uint32(block[at:])&(1<<(i%32)) != 0 }
		if name != "" {
			// struct ethtool_get_features_block: available, requested, active, never_changed.
			offloads[name] = Offload{Fixed: !has(0), Wanted: has(4), Active: has(8)}
		}
	}
	return offloads, nil
}

// write sets offloads of an interface.
func (e ethtool) write(dev string, states map[string]bool) error {
	names, err := e.names(dev)
	if err != nil {
		return err
	}
	blocks := (len(names) + 31) / 32
	message := ethtoolMessage(headLength+setBlock*blocks, ethtoolSetFeatures, uint32(blocks))
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
