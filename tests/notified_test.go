package tests

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// notified is systemd's end of sd_notify(3): a datagram is a line, and the lines in it are words.
func notified(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: notified SOCKET SILENCE")
	}
	silence, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: args[0], Net: "unixgram"})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	message := make([]byte, 4096)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		n, err := conn.Read(message)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			fmt.Println("silence")
			continue
		}
		if err != nil {
			return err
		}
		fmt.Println(strings.ReplaceAll(string(message[:n]), "\n", " "))
	}
}
