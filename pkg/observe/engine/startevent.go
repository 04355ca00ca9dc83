package engine

// markStarted marks a container as running before the engine confirms it, if there are processes in its control group. It
// reports whether the state has changed.
func (f *Finder) markStarted(t *target, e event) bool {
	pid, runs := f.cgroups.process(e.id)
	if !runs || t.id == e.id && t.pid == pid {
		return false
	}
	t.state, t.err = state{id: e.id, name: e.name, pid: pid, unconfirmed: true}, nil
	t.starts++
	if !t.isKnown() {
		close(t.answered)
	}
	return true
}

// startedTargets marks targets that an event shows to run, and returns their names.
func (f *Finder) startedTargets(targets map[string]*target, e event) (names []string) {
	if e.action != "start" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, t := range targets {
		if f.markStarted(t, e) {
			names = append(names, name)
		}
	}
	return names
}
