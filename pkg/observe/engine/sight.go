package engine

// sight takes a container's word that it runs, which is that there are processes in its control group.
func (f *Finder) sight(t *target, e event) bool {
	pid, runs := f.groups.process(e.id)
	if !runs || t.id == e.id && t.pid == pid {
		return false
	}
	t.state, t.err = state{id: e.id, name: e.name, pid: pid, sighted: true}, nil
	t.sights++
	if !t.known() {
		close(t.answered)
	}
	return true
}

// sighted are the names of those among targets that an event shows to run, before the engine has said how they stand.
func (f *Finder) sighted(targets map[string]*target, e event) (names []string) {
	if e.action != "start" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, t := range targets {
		if f.sight(t, e) {
			names = append(names, name)
		}
	}
	return names
}
