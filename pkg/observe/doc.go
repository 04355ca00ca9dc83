// Package observe finds and opens network namespaces, reads what is in them, and hears the kernel's events.
//
//   - World is all namespaces that the files declare. A Finder finds those of one sort: by path, by process, or, in
//     observe/engine, by container and by systemd service.
//   - Session holds the namespaces open that one piece of work needs. NS is one of them, with a socket inside it.
//   - Inbox collects News: a topic and a namespace. News says where to look, never what is true.
//
// To look at the links of a namespace:
//
//	session := world.NewSession()
//	defer session.Close()
//	ns, err := session.Open("web")
//	if err != nil {
//		return err // ErrPending: it is not there yet
//	}
//	links, err := ns.Links(ctx)
//
// The rest of linkd enters no namespace, and asks the kernel for no list, but through this package. A thread that enters a
// namespace never goes back to the Go runtime in there (see inNamespace).
package observe
