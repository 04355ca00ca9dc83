package control

import (
	"fmt"
	"net"
	"sync"
)

// mostConnections is how many connections one user may have at a time. Each takes a descriptor, and where linkd has none
// left it can open no namespace: no member of the group is to be able to take them all. For root there is no bound.
const mostConnections = 32

// mostOfMembers is how many connections all users but root may have together. One member can be many users: those that
// /etc/subuid gives (user_namespaces(7)), and a process that becomes one of them keeps its groups.
const mostOfMembers = 8 * mostConnections

// crowd is a listener that counts who is connected.
type crowd struct {
	net.Listener

	mu      sync.Mutex
	count   map[uint32]int // of connections, by user
	members int            // of connections of users other than root
}

// caller is a connection of which it is known who is at the other end.
type caller struct {
	net.Conn
	peer  peer
	leave func()
}

// Accept waits for the next connection of a user who has not too many; any other is closed.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, err := peerOf(conn)
		if err != nil || !c.enter(p.uid) {
			conn.Close()
			continue
		}
		return &caller{conn, p, sync.OnceFunc(func() { c.exit(p.uid) })}, nil
	}
}

func (c *crowd) enter(uid uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if uid != 0 {
		if c.count[uid] >= mostConnections || c.members >= mostOfMembers {
			return false
		}
		c.members++
	}
	c.count[uid]++
	return true
}

func (c *crowd) exit(uid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if uid != 0 {
		c.members--
	}
	if c.count[uid]--; c.count[uid] == 0 {
		delete(c.count, uid)
	}
}

// Close implements net.Conn. An http.Server may close a connection more than once.
func (c *caller) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// closed says why there may be no answer.
func closed(err error) error {
	return fmt.Errorf("the daemon has closed the connection: it has ended, or this user has %d already, or all users together %d: %w", mostConnections, mostOfMembers, err)
}
