package control

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/user"
	"path"
	"slices"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peer has the IDs of the process at the other end of a connection when it connected (SO_PEERCRED in unix(7)). The kernel
// translates the IDs of a process in another user namespace to those in linkd's.
type peer struct {
	uid    uint32
	groups []uint32
}

type peerKey struct{}

// withPeer adds the peer of a connection to its context. It is an http.Server's ConnContext.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if c, is := conn.(*userConn); is {
		return context.WithValue(ctx, peerKey{}, c.peer)
	}
	return ctx
}

func peerOf(conn net.Conn) (p peer, err error) {
	socket, is := conn.(*net.UnixConn)
	if !is {
		return p, fmt.Errorf("%T is not a Unix socket", conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return p, err
	}
	if closed := raw.Control(func(fd uintptr) { p, err = peerAt(int(fd)) }); closed != nil {
		return p, closed
	}
	return p, err
}

func peerAt(fd int) (peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, err
	}
	supplementary, err := supplementaryGroups(fd)
	return peer{uid: cred.Uid, groups: append(supplementary, cred.Gid)}, err
}

// supplementaryGroups returns the supplementary groups of the process at the other end. SO_PEERCRED has only its primary
// group, which is seldom Group, and the group database does not say which groups a process has.
func supplementaryGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 32)
	for {
		size := uint32(len(groups)) * uint32(unsafe.Sizeof(groups[0]))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		count := size / uint32(unsafe.Sizeof(groups[0]))
		switch {
		case errno == 0:
			return groups[:count], nil
		case errno == unix.ERANGE && int(count) > len(groups):
			// The kernel returns the number of groups (sk_getsockopt in net/core/sock.c).
			groups = make([]uint32, count)
		default:
			return nil, errno
		}
	}
}

// guard passes all requests of root to next, and GET requests of the group's members. It refuses all others. GET requests
// change nothing. One of them is wait, which makes the daemon look at everything: a member of the group can keep the daemon
// busy, but it only finds earlier what it would find anyway.
func guard(next http.Handler, group *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		readers := group.Load()
		p, known := r.Context().Value(peerKey{}).(peer)
		reads := r.Method == http.MethodGet && readers != nobody
		if known && (p.uid == 0 || reads && slices.Contains(p.groups, uint32(readers))) {
			next.ServeHTTP(w, r)
			return
		}
		name := ""
		if reads {
			name = groupName(readers)
		}
		http.Error(w, refusal(path.Base(r.URL.Path), name), http.StatusForbidden)
	})
}

// refusal returns the message for a user who may not run a command. If group is "", only root may run it.
func refusal(command, group string) string {
	if group == "" {
		return fmt.Sprintf("%v: run linkd %s as root", errDenied, command)
	}
	return fmt.Sprintf("%v: run linkd %s as root or as a member of the group %s", errDenied, command, group)
}

// groupName returns the name of a group, or its number if it has none.
func groupName(gid int64) string {
	if group, err := user.LookupGroupId(strconv.FormatInt(gid, 10)); err == nil {
		return group.Name
	}
	return strconv.FormatInt(gid, 10)
}
