package observe

import (
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ChangeEchoed is Change, and returns how the kernel announces what came of it, in a message of type answer; nil where it
// does not answer so (NLM_F_ECHO in netlink(7)). As that is known, its announcement is no news: Listen leaves it out.
func (ns *NS) ChangeEchoed(req *nl.NetlinkRequest, answer uint16) ([]byte, error) {
	ns.Forget()
	req.Flags |= unix.NLM_F_ACK | unix.NLM_F_ECHO
	msgs, err := ns.Request(req, answer)
	if err != nil || len(msgs) == 0 {
		return nil, err
	}
	return msgs[0], nil
}

// expectEcho notes that the announcements of what a request changes are not news. That is noted before it is sent, as they may
// be read before its answer.
func (ns *NS) expectEcho(seq uint32) {
	if !ns.world.listening.Load() {
		return
	}
	id, known := ns.world.knownID(ns)
	if ns.IsHost() {
		id, known = OwnID, true
	}
	address, err := unix.Getsockname(ns.route.Socket.GetFd())
	own, is := address.(*unix.SockaddrNetlink)
	if !known || err != nil || !is {
		return
	}
	ns.world.echoes.expect(echo{id, own.Pid, seq})
}

// echo is a request of linkd's own: the id of the namespace, the socket's port there, and the number of the request.
type echo struct {
	ns        int
	port, seq uint32
}

// echoes are the requests whose announcements are not news, the last of them: most are heard within milliseconds.
type echoes struct {
	mu    sync.Mutex
	known map[echo]bool
	// order is a ring, and next the place of the oldest in it.
	order [mostEchoes]echo
	next  int
}

// mostEchoes bounds the memory of echoes. Of what is forgotten, the announcement is news.
const mostEchoes = 1024

func (e *echoes) expect(request echo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known == nil {
		e.known = map[echo]bool{}
	}
	delete(e.known, e.order[e.next])
	e.order[e.next] = request
	e.next = (e.next + 1) % mostEchoes
	e.known[request] = true
}

// isEchoed tells whether an announcement from a namespace with that id is of what linkd was told as the answer to a request.
// That is so once for each request: somebody else may come to have the port. The kernel's own changes have none.
func (w *World) isEchoed(ns int, port, seq uint32) bool {
	if port == 0 {
		return false
	}
	w.echoes.mu.Lock()
	defer w.echoes.mu.Unlock()
	request := echo{ns, port, seq}
	known := w.echoes.known[request]
	delete(w.echoes.known, request)
	return known
}
