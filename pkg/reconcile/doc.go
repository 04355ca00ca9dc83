// Package reconcile converges the observed state of all namespaces to the desired state, and reports the state of each
// resource. It knows no kind of resource by name: pkg/kind registers the kinds (see Kind).
//
// # Parts
//
//	files, containers, events, time            looks and ops
//	            │                                    │
//	            ▼             Requests               ▼
//	          Core  ───────────────────────────>  Worker  ──>  kernel
//	            ▲                                    │
//	            └──────────────── Done ──────────────┘
//
// Core decides. It is a state machine that one goroutine uses: the inputs (Want, WantTemplates, Notify, LookAtAll) change
// its state, Requests returns what to do next, and Done takes the result of a Request. It never reaches the kernel.
//
// Worker acts. It carries out one Request: a look at one namespace, or a few ops in one or two.
//
// Engine is a core with a worker, which is enough to converge once. Loop is the daemon: it passes files, events, timers and
// questions to an engine, and publishes its Status.
//
// # Words
//
// A look reads the observed state of a scope, which is one kind in one namespace. A comparison of the desired with the
// observed state yields a plan of ops, and a verdict for each resource: ok, pending, failed, blocked or flapping. A foreign
// resource is one that linkd did not make; a foreign namespace is one that neither is the host nor was made by linkd.
// A fetched resource is one that linkd moved from its origin, where it puts it back later.
//
// # Rules
//
//   - Each namespace has a domain of its own. A slow or failing namespace delays only what needs it.
//   - Events say where to look, never what is true. An empty plan after a look is the only proof of convergence.
//   - linkd writes the journal before a change, so that it can be killed at any moment.
//   - linkd deletes only what carries its mark or is in the journal. A mark in a foreign namespace is a hint.
//
// # Example
//
// To converge once, as `linkd apply` does:
//
//	engine := reconcile.NewEngine(kind.All(), world, journal, log)
//	engine.Want(desired, true) // true: all files are valid, so what they do not name can be removed
//	engine.Converge(ctx)
//	fmt.Println(engine.Status(nil).State)
//
// A test of a decision needs no worker and no kernel:
//
//	core.Want(desired, true)
//	for _, request := range core.Requests() {
//		core.Done(&reconcile.Result{Request: request, Err: observe.Pendingf("no such namespace")})
//	}
//
// docs/architecture.md follows one change through all parts.
package reconcile
