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

// peer is who is at the other end of a connection, as the kernel noted it when that was made (SO_PEERCRED in unix(7)).
// What a process of another user namespace is there does not count: its IDs are those that they stand for here.
type peer struct {
	uid    uint32
	groups []uint32
}

type peerKey struct{}

// withPeer is an http.Server's ConnContext.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if c, is := conn.(*caller); is {
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
	further, err := furtherGroups(fd)
	return peer{uid: cred.Uid, groups: append(further, cred.Gid)}, err
}

// furtherGroups are the supplementary groups of who connected. SO_PEERCRED tells of the first group alone, and nobody is
// in linkd's as their first; and a look into the group database would not say what the process has.
func furtherGroups(fd int) ([]uint32, error) {
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
			// The kernel says how many there are (sk_getsockopt in net/core/sock.c).
			groups = make([]uint32, count)
		default:
			return nil, errno
		}
	}
}

// guard lets root do everything, and the readers' group all that changes nothing: what is asked with GET. That includes
// to wait, for which the daemon looks at everything: a member of the group can keep it busy, and do no more with that
// than have it find out sooner what it would have found out anyhow.
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

// refusal says for whom something is; group is "" where it is for root alone.
func refusal(what, group string) string {
	if group == "" {
		return what + " is for root"
	}
	return fmt.Sprintf("%s is for root and the group %s", what, group)
}

func groupName(gid int64) string {
	if group, err := user.LookupGroupId(strconv.FormatInt(gid, 10)); err == nil {
		return group.Name
	}
	return strconv.FormatInt(gid, 10)
}
