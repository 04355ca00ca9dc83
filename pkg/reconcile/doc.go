// Package reconcile makes the observed state of all namespaces equal to the desired state, and says how each resource
// stands. It knows no kind of resource by name: pkg/kind registers them (see Kind).
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
// Core decides. It is a state machine that one goroutine uses: inputs (Want, Repopulate, Hear, LookAtAll) change its state,
// Requests returns what to do next, and Done takes in what came of it. It never reaches the kernel.
//
// Worker acts. It carries out one Request: a look at one namespace, or a few ops in the same one or two.
//
// Engine is a core with workers: enough to converge once. Loop is the daemon: it feeds an engine with files, events, timers
// and questions, and publishes its Status.
//
// # Rules
//
//   - A namespace is a domain. What is slow or fails in one delays only what needs it.
//   - Events say where to look, never what is true. An empty plan after a look is the only proof of convergence.
//   - The journal is written before the change, so that linkd can be killed at any moment.
//   - linkd deletes only what carries its mark or is in the journal. A mark in a namespace of somebody else is a hint.
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
// To test a decision, no worker and no kernel is needed:
//
//	core.Want(desired, true)
//	for _, request := range core.Requests() {
//		core.Done(&reconcile.Result{Request: request, Err: observe.Pendingf("no such namespace")})
//	}
//
// docs/architecture.md follows one change through all parts.
package reconcile
