package link

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
)

// dropProgram loads an XDP program that drops all packets (bpf(2)).
func dropProgram(t *testing.T) (fd int) {
	t.Helper()
	instructions := []byte{0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0} // r0 = XDP_DROP; exit
	license := []byte("GPL\x00")
	request := make([]byte, 120)
	native := nl.NativeEndian()
	native.PutUint32(request, unix.BPF_PROG_TYPE_XDP)
	native.PutUint32(request[4:], uint32(len(instructions)/8))
	native.PutUint64(request[8:], uint64(uintptr(unsafe.Pointer(&instructions[0]))))
	native.PutUint64(request[16:], uint64(uintptr(unsafe.Pointer(&license[0]))))
	n, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&request[0])), uintptr(len(request)))
	runtime.KeepAlive(instructions)
	runtime.KeepAlive(license)
	if errno != 0 {
		t.Skipf("this kernel loads no XDP program here: %v", errno)
	}
	t.Cleanup(func() { unix.Close(int(n)) })
	return int(n)
}

func attachXDP(t *testing.T, ns *observe.NS, name string, program int) {
	t.Helper()
	index, err := ns.Index(name)
	conform.Must(t, err)
	xdp := nl.NewRtAttr(unix.IFLA_XDP|unix.NLA_F_NESTED, nil)
	xdp.AddRtAttr(nl.IFLA_XDP_FD, nl.Uint32Attr(uint32(program)))
	xdp.AddRtAttr(nl.IFLA_XDP_FLAGS, nl.Uint32Attr(unix.XDP_FLAGS_SKB_MODE))
	conform.Must(t, set(ns, index, nil, xdp))
}

// PutBack detaches a program that a tenant attached where the interface was.
func TestAnXDPProgramIsDetached(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the program is written for little-endian machines")
	}
	program := dropProgram(t)
	j := setOut(t, "")
	conform.Must(t, j.fetch())
	host := j.lab.World.Host()
	attachXDP(t, host, "wan0", program)
	now := func(ns *observe.NS, name string) *kept {
		t.Helper()
		index, err := ns.Index(name)
		conform.Must(t, err)
		k, err := keptOf(ns, index)
		conform.Must(t, err)
		return k
	}
	if k := now(host, "wan0"); k.XDP != unix.XDP_FLAGS_SKB_MODE {
		t.Fatalf("attached: %+v", k)
	}
	conform.Must(t, j.putBack())
	if k := now(j.lab.NS, "eth0"); k.XDP != 0 {
		t.Errorf("it still has the program: %+v", k)
	}

	// The program that was attached before the fetch is attached again.
	attachXDP(t, j.lab.NS, "eth0", program)
	conform.Must(t, j.fetch())
	conform.Must(t, j.putBack())
	if k := now(j.lab.NS, "eth0"); k.XDP != unix.XDP_FLAGS_SKB_MODE {
		t.Errorf("it has lost its program: %+v", k)
	}
	conform.Must(t, func() error {
		index, err := j.lab.NS.Index("eth0")
		return errors.Join(err, detachXDP(j.lab.NS, index, unix.XDP_FLAGS_SKB_MODE))
	}())
}
