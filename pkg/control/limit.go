package control

import (
	"fmt"
	"net"
	"sync"
)

// maxUserConnections limits the connections of one user at a time; root has no limit. Each connection takes a descriptor, and
// without a free descriptor linkd cannot open a namespace. So no member of the group may take all of them.
const maxUserConnections = 32

// maxNonRootConnections limits the connections of all users but root together. One member of the group can be many users:
// a process that switches to a user ID of /etc/subuid (user_namespaces(7)) keeps its groups.
const maxNonRootConnections = 8 * maxUserConnections

// limitedListener is a listener that limits the connections of each user.
type limitedListener struct {
	net.Listener

	mu      sync.Mutex
	byUser  map[uint32]int // connections by user ID
	nonRoot int            // connections of users other than root
}

// userConn is a connection together with the user at its other end.
type userConn struct {
	net.Conn
	peer    peer
	release func() // makes room for another connection of the user; may be called more than once
}

// Accept waits for the next connection that is within the limits. It closes all others.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, err := peerOf(conn)
		if err != nil || !l.acquire(p.uid) {
			conn.Close()
			continue
		}
		return &userConn{conn, p, sync.OnceFunc(func() { l.release(p.uid) })}, nil
	}
}

// acquire counts a connection of the user. It returns false if that would exceed a limit.
func (l *limitedListener) acquire(uid uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if uid != 0 {
		if l.byUser[uid] >= maxUserConnections || l.nonRoot >= maxNonRootConnections {
			return false
		}
		l.nonRoot++
	}
	l.byUser[uid]++
	return true
}

// release forgets a connection that acquire counted.
func (l *limitedListener) release(uid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if uid != 0 {
		l.nonRoot--
	}
	if l.byUser[uid]--; l.byUser[uid] == 0 {
		delete(l.byUser, uid)
	}
}

// Close closes the connection and makes room for another one. An http.Server may call it more than once.
func (c *userConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// connectionClosed returns the error of a client whose connection was closed without an answer.
func connectionClosed(err error) error {
	return fmt.Errorf("the daemon closed the connection: it stopped, or this user has %d connections already, or all users together have %d: %w", maxUserConnections, maxNonRootConnections, err)
}
