package observe

import (
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"linkd/pkg/spec"
)

// WatchPaths reports, as news about namespaces, files that come and go where the declared namespaces are looked for:
// in NetnsDir and in the directories of path: selectors. A directory that does not exist yet is noticed through its
// parent. Rewatch has to be called when other namespaces are declared.
func (w *World) WatchPaths(in *Inbox) (rewatch func(), stop func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, err
	}
	rewatch = func() {
		dirs := map[string]bool{NetnsDir: true}
		w.mu.Lock()
		for _, ns := range w.declared {
			if path, ok := pathOf(ns.Selector); ok {
				dirs[filepath.Dir(path)] = true
			}
		}
		w.mu.Unlock()
		for dir := range dirs {
			if watcher.Add(dir) != nil {
				_ = watcher.Add(filepath.Dir(dir))
			}
		}
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
				if e.Has(fsnotify.Create) {
					// It may be a directory that was waited for.
					rewatch()
				}
				for _, name := range w.NamespacesAt(map[string]bool{e.Name: true}) {
					in.put(News{NS: name, Topic: NamespaceTopic})
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

// NamespacesAt are the declared namespaces that are found, or shown, at one of the paths or right below.
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
