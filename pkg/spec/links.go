package spec

import (
	"os"
	"path/filepath"
	"strings"
)

// linksTo returns the symbolic links on the path to a file, including the file itself and its directories, and their
// final target. Whoever replaces one of these changes the file. The target is returned even if it does not exist,
// because the file comes back with it. A path without symbolic links has none. It follows as many links as the kernel
// does (path_resolution(7)).
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
