package spec

import (
	"os"
	"path/filepath"
	"strings"
)

// linksTo returns the symbolic links that lead to a file, the file's own name and directories on its path included, and the
// place they lead to at last. Whoever replaces one of these changes the file. A place that does not exist is returned as
// well: the file comes back when the place does. Without a symbolic link there are none. It follows no more links than the
// kernel does (path_resolution(7)).
func linksTo(name string) (places []string) {
	at, left := "/", strings.Split(name, "/")
	for links := 0; len(left) > 0; {
		next := filepath.Join(at, left[0])
		left = left[1:]
		target, err := os.Readlink(next)
		if err != nil {
			at = next
			continue
		}
		if links++; links > mostLinks {
			return places
		}
		places = append(places, next)
		left = append(strings.Split(target, "/"), left...)
		if filepath.IsAbs(target) {
			at = "/"
		}
	}
	if len(places) > 0 {
		places = append(places, at)
	}
	return places
}
