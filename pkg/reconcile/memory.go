package reconcile

import "linkd/pkg/spec"

// Memory is the cache that one look at a scope leaves to the next: the kernel's messages and the resource that was
// made of each. A look at ten thousand resources of which one has changed then costs little more than the kernel's
// dump. Looks share the cached resources, so nobody may change them.
type Memory struct {
	known map[string]*remembered
	looks int
	fresh []spec.Resource
	gone  []spec.Resource
}

type remembered struct {
	r    spec.Resource
	look int // the number of the last look that found the message
}

// fewRemembered is the number of resources up to which a scope has no cache.
const fewRemembered = 256

func newMemory() *Memory { return &Memory{known: map[string]*remembered{}} }

// begin starts a look.
func (m *Memory) begin() {
	m.looks++
	m.fresh, m.gone = nil, nil
}

// Recall returns the resource that was made of a message before, if holds accepts it, and else nil. A nil Memory
// returns nil.
func (m *Memory) Recall(msg []byte, holds func(spec.Resource) bool) spec.Resource {
	if m == nil {
		return nil
	}
	k := m.known[string(msg)]
	if k == nil || !holds(k.r) {
		return nil
	}
	k.look = m.looks
	return k.r
}

// Keep caches the resource that was made of a message.
func (m *Memory) Keep(msg []byte, r spec.Resource) {
	if m == nil {
		return
	}
	if before := m.known[string(msg)]; before != nil {
		m.gone = append(m.gone, before.r)
	}
	m.known[string(msg)] = &remembered{r, m.looks}
	m.fresh = append(m.fresh, r)
}

// end ends a look and drops the messages that it did not find.
func (m *Memory) end() {
	for msg, k := range m.known {
		if k.look != m.looks {
			m.gone = append(m.gone, k.r)
			delete(m.known, msg)
		}
	}
}

// memoryFor takes the cache for the next look at a scope; nil if the scope has few resources. The look's result
// brings the cache back. If the look fails, the next one begins with an empty cache.
func (c *Core) memoryFor(k *Registered, s scope) *Memory {
	m := c.found.memories[s]
	delete(c.found.memories, s)
	if m == nil && k.comparable() && c.found.in(s).len() > fewRemembered {
		m = newMemory()
	}
	return m
}

// observeChanges applies the differences to the look before, marks them for comparison, and returns what is gone and
// what is new. Ok is false if the cache cannot tell the differences.
func (c *Core) observeChanges(s *observation, found *resources) (gone, fresh *resources, ok bool) {
	m, todo := s.memory, c.plan.todo
	if m == nil || m.looks == 1 || found == nil {
		return nil, nil, false
	}
	gone, fresh = &resources{}, &resources{}
	for _, r := range m.gone {
		key := r.ID().Key
		if found.get(key) != r {
			// Two messages have the same ID.
			return nil, nil, false
		}
		gone.put(key, r)
	}
	for _, r := range m.fresh {
		key := r.ID().Key
		if fresh.get(key) != nil || found.get(key) != nil && gone.get(key) == nil {
			return nil, nil, false
		}
		fresh.put(key, r)
	}
	for key := range gone.all() {
		id := s.scope.id(key)
		found.remove(key)
		todo.ids[id] = true
		if fresh.get(key) == nil {
			c.noteChange(id)
		}
	}
	for key, r := range fresh.all() {
		id := s.scope.id(key)
		found.put(key, r)
		todo.ids[id] = true
		if gone.get(key) == nil {
			c.noteChange(id)
		}
	}
	if !c.found.compared[s.scope] {
		todo.scopes[s.scope] = true
	}
	return gone, fresh, true
}
