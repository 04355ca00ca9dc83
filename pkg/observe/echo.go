package observe

import (
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ChangeEchoed does the same as Change, and returns the kernel's event about the result, a message of type answer;
// nil if the kernel sends none (NLM_F_ECHO in netlink(7)). Listen then ignores that event.
func (ns *NS) ChangeEchoed(req *nl.NetlinkRequest, answer uint16) ([]byte, error) {
	ns.Forget()
	req.Flags |= unix.NLM_F_ACK | unix.NLM_F_ECHO
	msgs, err := ns.Request(req, answer)
	if err != nil || len(msgs) == 0 {
		return nil, err
	}
	return msgs[0], nil
}

// expectEcho makes Listen ignore the events about a request. Call it before the request is sent, because the events
// may be read before its answer.
func (ns *NS) expectEcho(seq uint32) {
	if !ns.world.listening.Load() {
		return
	}
	id, known := ns.world.knownID(ns)
	if ns.IsHost() {
		id, known = OwnID, true
	}
	port, ok := ns.route.ownPort()
	if known && ok {
		ns.world.echoes.expect(echo{id, port, seq})
	}
}

// echo identifies a request of linkd: the ID of the namespace, the port of the socket in it, and the number of the
// request.
type echo struct {
	ns        int
	port, seq uint32
}

// echoes are the last requests whose events Listen ignores. Most events arrive within milliseconds.
type echoes struct {
	mu    sync.Mutex
	known map[echo]bool
	// order is a ring of the requests; next is the index of the oldest.
	order [mostEchoes]echo
	next  int
}

// mostEchoes limits the memory of echoes. The events of a dropped request cause a look.
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

// isEchoed reports whether an event from a namespace, by ID, is about a request of linkd whose answer had the same
// content. It is true once per request, because another process may get the port later. Changes by the kernel have
// port 0.
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
