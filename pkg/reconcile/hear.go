package reconcile

import (
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// LookAtAll makes everything dirty.
func (e *Engine) LookAtAll() {
	for name := range e.declared {
		e.dirty.all(name)
	}
}

// LookAtSilent makes dirty what may have changed without any event.
func (e *Engine) LookAtSilent() {
	for i := range e.kinds {
		if k := &e.kinds[i]; k.Silent {
			for name := range e.declared {
				if s := (scope{name, k.Name}); e.matters(s) && !e.announced(s) {
					e.dirty.mark(name, k.Name, everything)
				}
			}
		}
	}
}

// announced tells whether changes of all that was found in a scope of a silent kind are announced.
func (e *Engine) announced(s scope) bool {
	found := e.found[s.ns][s.kind]
	for _, r := range found {
		if a, is := r.(Announced); !is || !a.Announced() {
			return false
		}
	}
	return len(found) > 0
}

// matters tells whether anything in a scope is wanted, needed, remembered or in the way, or what is fetched may be there,
// which somebody may have taken anywhere. News of other scopes is no news.
func (e *Engine) matters(s scope) bool {
	return e.index.looked[s] || e.feared[s] || len(e.journal.In(s)) > 0 || e.index.fetches[s.kind]
}

// Hear makes dirty what news is about. What waits for something there, an address that a route leaves by, say, is tried
// again soon: it may have come.
func (e *Engine) Hear(news []observe.News) {
	heard := map[scope]bool{}
	defer e.hurry(heard)
	for _, n := range news {
		if _, declared := e.declared[n.NS]; !declared {
			continue
		}
		if n.Topic == observe.NamespaceTopic {
			e.searches = 0
			e.dirty.all(n.NS)
			// The kinds that hear of namespaces keep their names, which is done in linkd's own.
			n.NS = spec.Host
		}
		e.news[newsPlace{n.NS, n.Topic}] = n.By
		for i := range e.kinds {
			k := &e.kinds[i]
			s := scope{n.NS, k.Name}
			switch {
			case !hears(k, n.Topic):
			case e.matters(s):
				e.dirty.mark(n.NS, k.Name, ofLinks(n.Links))
				heard[s] = true
			default:
				e.stale[s] = true
			}
		}
	}
}

// refresh makes dirty what is stale in namespaces in which something is about to end: others may have something on it.
func (e *Engine) refresh(ending map[string]bool) (some bool) {
	for s := range e.stale {
		if ending[s.ns] {
			e.dirty.mark(s.ns, s.kind, everything)
			some = true
		}
	}
	return some
}

// hurry shortens the wait of what is pending in scopes of which there is news. News can come all the time, so there is
// a pause all the same.
func (e *Engine) hurry(heard map[scope]bool) {
	soon := e.now().Add(firstRetry)
	for id, t := range e.trials {
		if heard[scopeOf(id)] && t.verdict.State == Pending && t.until.After(soon) {
			t.until = soon
		}
	}
}

// Topics are the topics that the kinds hear.
func (e *Engine) Topics() []observe.Topic {
	heard := map[observe.Topic]bool{}
	for i := range e.kinds {
		for _, t := range e.kinds[i].Hears {
			heard[t] = true
		}
	}
	topics := make([]observe.Topic, 0, len(heard))
	for t := range heard {
		topics = append(topics, t)
	}
	return topics
}
