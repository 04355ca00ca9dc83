package tests

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reply answers each message with its name.
func reply(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: reply NETWORK NAME ADDRESS...")
	}
	network, name := args[0], []byte(args[1])
	failed := make(chan error)
	for _, address := range args[2:] {
		if strings.HasPrefix(network, "udp") {
			conn, err := net.ListenPacket(network, address)
			if err != nil {
				return err
			}
			go func() {
				for {
					_, from, err := conn.ReadFrom(make([]byte, 16))
					if err == nil {
						_, err = conn.WriteTo(name, from)
					}
					if err != nil {
						failed <- err
						return
					}
				}
			}()
			continue
		}
		listener, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					failed <- err
					return
				}
				go func() {
					defer conn.Close()
					for err == nil {
						if _, err = conn.Read(make([]byte, 16)); err == nil {
							_, err = conn.Write(name)
						}
					}
				}()
			}
		}()
	}
	fmt.Println("ready")
	return <-failed
}

const (
	// betweenMessages is how long a conversation waits for an answer, and until its next message.
	betweenMessages = 20 * time.Millisecond
	// longestWord is above what any answer has.
	longestWord = 64
)

// converse prints "silence" for messages without an answer, and the error of a connection that ended. It never ends itself.
// A connection that ended is begun anew from a port that the kernel chooses.
func converse(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: converse NETWORK PORT ADDRESS")
	}
	port, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	said, last := make([]byte, longestWord), ""
	say := func(text string) {
		if text != last {
			fmt.Println(text)
			last = text
		}
	}
	for {
		conn, err := dialFrom(args[0], port, args[2])
		for err == nil {
			next := time.Now().Add(betweenMessages)
			if _, err = conn.Write([]byte("?")); err != nil && args[0] == "tcp" {
				break
			}
			var n int
			_ = conn.SetReadDeadline(next)
			n, err = conn.Read(said)
			var timeout net.Error
			switch {
			case err == nil:
				say(string(said[:n]))
			case errors.As(err, &timeout) && timeout.Timeout():
				say("silence")
				err = nil
			case args[0] != "tcp":
				// An ICMP error, of an earlier message.
				say(why(err).Error())
				err = nil
			}
			time.Sleep(time.Until(next))
		}
		say(why(err).Error())
		if conn != nil {
			conn.Close()
		}
		time.Sleep(betweenMessages)
		if args[0] == "tcp" {
			port = 0
		}
	}
}

// dialFrom opens a connection from a port.
func dialFrom(network string, port int, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, c syscall.RawConn) (err error) {
		if wrong := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }); wrong != nil {
			return wrong
		}
		return err
	}}
	d.LocalAddr = &net.UDPAddr{Port: port}
	if network == "tcp" {
		d.LocalAddr = &net.TCPAddr{Port: port}
	}
	return d.Dial(network, address)
}
