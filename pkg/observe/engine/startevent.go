package engine

// markStarted marks a container as running before the engine confirms it: the sign is that there are processes in its control
// group.
func (f *Finder) markStarted(t *target, e event) bool {
	pid, runs := f.groups.process(e.id)
	if !runs || t.id == e.id && t.pid == pid {
		return false
	}
	t.state, t.err = state{id: e.id, name: e.name, pid: pid, unconfirmed: true}, nil
	t.starts++
	if !t.known() {
		close(t.answered)
	}
	return true
}

// startedTargets are the names of those among targets that an event shows to run, before the engine has said how they stand.
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
