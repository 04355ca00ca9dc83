package tests

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	smallPrograms["pour"] = pour
	smallPrograms["drain"] = drain
	smallPrograms["gro"] = setGRO
}

// pour sends bytes over TCP.
func pour(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: pour ADDRESS BYTES")
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	_, err = conn.Write(make([]byte, count))
	return errors.Join(err, conn.Close())
}

// drain prints how many bytes each connection sends.
func drain(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: drain ADDRESS")
	}
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		count, err := io.Copy(io.Discard, conn)
		if err != nil {
			return err
		}
		fmt.Println(count, "bytes")
		conn.Close()
	}
}

// setGRO turns the generic receive offload of an interface on or off (ETHTOOL_SGRO).
func setGRO(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: gro DEV on|off")
	}
	const setCommand = 0x2c
	value := [2]uint32{setCommand, 0}
	if args[1] == "on" {
		value[1] = 1
	}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:], args[0])
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	return nil
}
