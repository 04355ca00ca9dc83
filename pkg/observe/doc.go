// Package observe finds and opens network namespaces, reads their state, and receives the kernel's events.
//
//	files, processes, engines            kernel events
//	          │                               │
//	          ▼                               ▼
//	  Finder ──> World ──> Session ──> NS   Inbox ──> Notification
//
// The parts are:
//
//   - World is the set of namespaces that the files declare. A Finder finds those of some selectors: by path, by process, or,
//     in observe/engine, by container and by systemd service.
//   - Session holds the open namespaces of one piece of work. NS is one of them, with a socket inside it.
//   - Inbox collects each Notification: a topic and a namespace. It says where to look, never what is true.
//
// To look at the links of a namespace:
//
//	session := world.NewSession()
//	defer session.Close()
//	ns, err := session.Open("web")
//	if err != nil {
//		return err // ErrPending: it does not exist yet
//	}
//	links, err := ns.Links(ctx)
//
// Only this package enters namespaces and requests dumps from the kernel. A thread that enters a namespace returns to the Go
// runtime only after it has left (see inNamespace).
package observe
