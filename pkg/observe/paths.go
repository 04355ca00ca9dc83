package observe

import (
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"

	"linkd/pkg/spec"
)

// WatchPaths reports files that appear and disappear in the directories of declared namespaces as notifications: in
// NetnsDir and in the directories of path: selectors. It watches the parent of a directory that does not exist yet.
// Call rewatch after the declared namespaces have changed.
// It does not watch a directory that other users than root can write to: any of them could keep linkd busy. linkd
// finds a namespace there when it tries pending ones again.
func (w *World) WatchPaths(in *Inbox) (rewatch func(), stop func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, err
	}
	add := func(dir string) bool {
		return (dir == NetnsDir || spec.CheckTrusted(dir) == nil) && watcher.Add(dir) == nil
	}
	var mu sync.Mutex
	var dirs map[string]bool
	rewatch = func() {
		mu.Lock()
		defer mu.Unlock()
		dirs = map[string]bool{NetnsDir: true}
		w.mu.Lock()
		for _, ns := range w.declared {
			if path, ok := pathOf(ns.Selector); ok {
				dirs[filepath.Dir(path)] = true
			}
		}
		w.mu.Unlock()
		for dir := range dirs {
			if !add(dir) {
				_ = add(filepath.Dir(dir))
			}
		}
	}
	awaited := func(dir string) bool {
		mu.Lock()
		defer mu.Unlock()
		return dirs[dir]
	}
	rewatch()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case e, open := <-watcher.Events:
				if !open {
					return
				}
				if e.Has(fsnotify.Create) && awaited(e.Name) {
					rewatch()
				}
				for _, name := range w.NamespacesAt(map[string]bool{e.Name: true}) {
					in.put(Notification{NS: name, Topic: NamespaceTopic})
				}
				if e.Name == NetnsDir {
					in.overrun()
				}
			case _, open := <-watcher.Errors:
				if !open {
					return
				}
				in.overrun()
			}
		}
	}()
	return rewatch, func() {
		watcher.Close()
		<-done
	}, nil
}

// NamespacesAt returns the declared namespaces at one of the paths, or directly below one.
func (w *World) NamespacesAt(paths map[string]bool) (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, ns := range w.declared {
		if path, ok := pathOf(ns.Selector); (ok && (paths[path] || paths[filepath.Dir(path)])) || paths[NetnsDir+"/"+name] {
			names = append(names, name)
		}
	}
	return names
}

func pathOf(s spec.Selector) (string, bool) {
	switch s.Scheme {
	case "name":
		return NetnsDir + "/" + s.Value, true
	case "path":
		return s.Value, true
	}
	return "", false
}
