package tests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Some small programs are this test binary under other names.
//
//	attach NETNS/DEV          open a tun or tap device as a virtual machine does, if that is allowed
//	can FROM TO TEXT          send on one CAN device, NETNS/DEV, until another one hears it, and print what that is
//	patch NETNS/DEV|FILE NETNS/DEV|FILE
//	                          copy frames between two tun or tap devices, or files of macvtaps
//	advertise DEV             say on an interface that this host is a router
//	serve NETWORK ADDRESS...  answer whoever comes, on udp and tcp as in net.Listen: with who it came from
//	reply NETWORK NAME ADDRESS...
//	                          answer each message with a name, and keep connections
//	converse NETWORK PORT ADDRESS
//	                          send messages from one port, every 20 ms, and print the answer, and each time that it changes
//	dial NETWORK ADDRESS      ask, and print the answer; fail with why there is none
//	unanswered NETWORK ADDRESS
//	                          ask, and fail with what comes within a second, be it a refusal
//	accept ADDRESS:PORT       answer who begins an association of SCTP
//	associate ADDRESS:PORT    begin an association of SCTP, and print who answers
//	website ADDRESS           answer requests of HTTP: /found with 200, and all others with 404
//	flood ADDRESS RATE        send packets at a rate (rate_test.go)
//	meter ADDRESS RATE        measure at which rate they come in
//	pour ADDRESS BYTES        send bytes over TCP (pour_test.go)
//	drain ADDRESS             take them, and print how many each connection sends
//	gro DEV on|off            set an offload of an interface
//	notified SOCKET SILENCE   print what a service tells systemd (sd_notify(3)), and when it is silent for so long
var smallPrograms = map[string]func(args []string) error{"serve": serve, "reply": reply, "converse": converse, "dial": dial, "unanswered": unanswered, "notified": notified, "advertise": advertise, "website": website, "accept": accept, "associate": associate,
	"attach": attach, "can": can, "patch": patch}

func init() {
	run, is := smallPrograms[filepath.Base(os.Args[0])]
	if !is {
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: serve NETWORK ADDRESS...")
	}
	failed := make(chan error)
	for _, address := range args[1:] {
		if strings.HasPrefix(args[0], "udp") {
			conn, err := net.ListenPacket(args[0], address)
			if err != nil {
				return err
			}
			go func() { failed <- answerPackets(conn) }()
			continue
		}
		listener, err := net.Listen(args[0], address)
		if err != nil {
			return err
		}
		go func() { failed <- answerConnections(listener) }()
	}
	fmt.Println("ready")
	return <-failed
}

func website(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: website ADDRESS")
	}
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	pages := http.NewServeMux()
	pages.HandleFunc("/found", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "found\n") })
	fmt.Println("ready")
	return http.Serve(listener, pages)
}

func answer(from net.Addr) []byte {
	host, _, _ := net.SplitHostPort(from.String())
	return fmt.Appendf(nil, "to %s\n", host)
}

// padding comes after an answer over TCP: more than fits into one packet.
var padding = bytes.Repeat([]byte("."), 4096)

func answerPackets(conn net.PacketConn) error {
	for {
		_, from, err := conn.ReadFrom(make([]byte, 16))
		if err != nil {
			return err
		}
		if _, err := conn.WriteTo(answer(from), from); err != nil {
			return err
		}
	}
}

func answerConnections(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		_, err = conn.Write(append(answer(conn.RemoteAddr()), padding...))
		if conn.Close(); err != nil {
			return err
		}
	}
}

func dial(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: dial NETWORK ADDRESS")
	}
	text, err := ask(args[0], args[1], patience)
	if err != nil {
		return why(err)
	}
	fmt.Printf("%s", text)
	return nil
}

// unanswered waits for a second in vain. An answer that takes longer goes unheard, so a slow machine fails nobody here.
func unanswered(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: unanswered NETWORK ADDRESS")
	}
	text, err := ask(args[0], args[1], time.Second)
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil
	case err != nil:
		return why(err)
	}
	return fmt.Errorf("an answer: %s", text)
}

func ask(network, address string, limit time.Duration) ([]byte, error) {
	conn, err := net.DialTimeout(network, address, limit)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	text := make([]byte, 64)
	if strings.HasPrefix(network, "udp") {
		var n int
		if _, err = conn.Write([]byte("?")); err == nil {
			n, err = conn.Read(text)
		}
		text = text[:n]
	} else if text, err = io.ReadAll(conn); err == nil {
		var whole bool
		if text, whole = bytes.CutSuffix(text, padding); !whole {
			err = errors.New("a part of the answer is missing")
		}
	}
	return text, err
}

// why leaves the addresses out, of which one's own port differs from run to run.
func why(err error) error {
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer")
	case errors.As(err, &errno):
		return errno
	}
	return err
}
