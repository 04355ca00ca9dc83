package spec

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

const (
	// settlePause is how long the files must be unchanged before they are read: an editor writes a file in steps, and
	// a package or a playbook writes several files.
	settlePause = 50 * time.Millisecond
	// settleLimit is the longest wait for a directory that changes all the time.
	settleLimit = time.Second
	// pollPause is how often linkd reads the files if the kernel has no watch left (fs.inotify.max_user_watches). It is also how
	// often linkd checks whether a directory, or the target of a symbolic link, has been mounted or unmounted: inotify has no event
	// for that.
	pollPause = 5 * time.Second
)

// Watch reports on changed that files at the paths may have changed, until stop is called. It watches a directory
// itself and its parent: a watch ends silently with its directory, and a directory can be mounted over or come back
// later. If a file is a symbolic link, or is reached through one, Watch watches the directories of each link and of
// the target.
func Watch(paths []string) (changed <-chan struct{}, stop func(), err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, err
	}
	w := &fileWatch{watcher: watcher, paths: paths, changed: make(chan struct{}, 1), done: make(chan struct{})}
	w.add()
	go w.run()
	return w.changed, func() {
		watcher.Close()
		<-w.done
	}, nil
}

type fileWatch struct {
	watcher *fsnotify.Watcher
	paths   []string
	places  string
	// links are the symbolic links on the paths to files, and their targets.
	links map[string]bool
	// linked are the files that are reached through symbolic links.
	linked  []string
	blind   bool
	changed chan struct{}
	done    chan struct{}
}

// add watches what exists; existing watches stay as they are.
func (w *fileWatch) add() {
	w.blind = false
	for _, path := range w.paths {
		// The parent always exists, or is as unreachable as the directory itself.
		if w.watcher.Add(filepath.Dir(filepath.Clean(path))) != nil {
			w.blind = true
		}
		// A new directory with the same name needs a new watch, which Add alone would take for the old one.
		_ = w.watcher.Remove(path)
		_ = w.watcher.Add(path)
	}
	w.addLinks()
	w.places = w.identify()
}

// addLinks watches the directories of symbolic links and of their targets, and removes watches of other directories.
func (w *fileWatch) addLinks() {
	before := w.links
	w.links, w.linked = map[string]bool{}, nil
	dirs := map[string]bool{}
	for _, name := range configFiles(w.paths) {
		places := linksTo(name)
		if len(places) > 0 {
			w.linked = append(w.linked, name)
		}
		for _, place := range places {
			w.links[place], dirs[filepath.Dir(place)] = true, true
		}
	}
	for dir := range dirs {
		// linkd waits for a missing directory in the nearest one that exists.
		for w.watcher.Add(dir) != nil && dir != "/" {
			w.links[dir] = true
			dir = filepath.Dir(dir)
		}
	}
	for place := range before {
		if dir := filepath.Dir(place); !dirs[dir] && !w.isOwn(dir) {
			_ = w.watcher.Remove(dir)
		}
	}
}

// isOwn reports whether a directory is watched for one of the paths.
func (w *fileWatch) isOwn(dir string) bool {
	return slices.ContainsFunc(w.paths, func(path string) bool {
		path = absolute(path)
		return dir == path || dir == filepath.Dir(path)
	})
}

// absolute returns a clean absolute path, or the path itself if the working directory is unknown.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// configFiles are the paths of the files that the paths stand for, from the root.
func configFiles(paths []string) (files []string) {
	for _, path := range paths {
		path = absolute(path)
		files = append(files, path)
		if names, err := namesIn(path); err == nil {
			files = append(files, names...)
		}
	}
	return files
}

// identify returns a text that changes when another file is at one of the paths, or at the target of a symbolic link.
func (w *fileWatch) identify() string {
	var b strings.Builder
	for _, path := range slices.Concat(w.paths, w.linked) {
		var st unix.Stat_t
		err := unix.Stat(path, &st)
		fmt.Fprintln(&b, st.Dev, st.Ino, err)
	}
	return b.String()
}

func (w *fileWatch) run() {
	defer close(w.done)
	poll := time.NewTicker(pollPause)
	defer poll.Stop()
	settle := time.NewTimer(time.Hour)
	settle.Stop()
	var first time.Time
	for {
		select {
		case e, open := <-w.watcher.Events:
			if !open {
				return
			}
			if !w.concerns(e) {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			settle.Reset(min(settlePause, max(0, settleLimit-time.Since(first))))
		case _, open := <-w.watcher.Errors:
			if !open {
				return
			}
			// Events were lost, so look at everything.
			settle.Reset(settlePause)
		case <-poll.C:
			if w.blind || w.identify() != w.places {
				settle.Reset(0)
			}
		case <-settle.C:
			first = time.Time{}
			w.add()
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}

// concerns reports whether an event matters: it is about a path itself, or about a configuration file in it. A change
// of permissions matters as much as one of content. The files of a ConfigMap are links through ..data, and its update
// only names that.
func (w *fileWatch) concerns(e fsnotify.Event) bool {
	// In the watched directory "." a file has the name "./NAME".
	name := filepath.Clean(e.Name)
	for _, path := range w.paths {
		path = filepath.Clean(path)
		if name == path {
			return true
		}
		if filepath.Dir(name) == path {
			base := filepath.Base(name)
			return IsConfigName(base) || base == "..data"
		}
	}
	return w.links[absolute(name)]
}
