package spec

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// fillSize is the size of the files of these tests in bytes.
const fillSize = 2 << 20

// filling is a file of almost fillSize bytes, which declares one link.
func filling(link string) string {
	return fmt.Sprintf("links: {%s: {}}\n#%s\n", link, strings.Repeat("x", fillSize-100))
}

// A file with which there are too many bytes together keeps what it declared, and the others are read as ever. So many
// files of that size as linkd takes are read, and the rest of a thousand takes no memory.
func TestFilesTogetherAreBounded(t *testing.T) {
	s := newSite(t)
	const fit = maxTotalSize / fillSize
	want := ""
	var all []string
	for i := range fit {
		name := fmt.Sprintf("b%02d", i)
		all = append(all, name)
		s.write("-- " + name + ".yaml --\n" + filling(name))
		want += name + ".yaml loaded\n"
	}
	s.write("-- z.yaml --\nlinks: {z: {}}\n")
	want += "z.yaml loaded\n"
	links := func(names ...string) (lines string) {
		for _, name := range names {
			lines += "  host/link/" + name + "\n"
		}
		return lines
	}
	all = append(all, "z")
	s.loads(want + links(all...))

	// What comes later in the order of names is beyond, whatever its size.
	z := "links: {z: {}, y: {}}\n#" + strings.Repeat("x", 10_000) + "\n"
	s.write("-- z.yaml --\n" + z)
	want = strings.Replace(want, "z.yaml loaded", "z.yaml kept: z.yaml: "+errTogether.Error(), 1)
	s.restart()
	s.loads(want + links(all...))

	// A new file before the others has others be beyond: all that was in force stays.
	s.write("-- a.yaml --\n" + filling("a"))
	files, err := ReadFiles([]string{s.dir})
	must(t, err)
	desired, _, _, errs := s.loader.Load(files)
	for _, name := range all {
		if desired.Resources.Get(LinkID("host", name)) == nil {
			t.Errorf("%s is not wanted any more", name)
		}
	}
	if said := errs.Error(); !strings.Contains(said, errTogether.Error()) {
		t.Errorf("errors %.200q", said)
	}
}

func TestReadingStopsWhereFilesAreTooLargeTogether(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		path := fmt.Sprintf("%s/%03d.yaml", dir, i)
		must(t, os.WriteFile(path, nil, 0o644))
		// Every other one is too large by itself.
		must(t, os.Truncate(path, fillSize<<(i%2)))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	files, err := ReadFiles([]string{dir})
	must(t, err)
	runtime.ReadMemStats(&after)
	total := 0
	for _, f := range files {
		if total += len(f.Text); f.Err == nil && len(f.Text) == 0 {
			t.Errorf("%s is read as empty", f.Path)
		}
	}
	if total > maxTotalSize || len(files) != 100 {
		t.Errorf("%d bytes of %d files", total, len(files))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 2*maxTotalSize {
		t.Errorf("%d MiB are kept", kept>>20)
	}
	runtime.KeepAlive(files)
}

// Each file needs the one before it, and the first is not valid: to find that out takes a round for each, and rounds of
// large files come to an end.
func TestAChainOfFilesThatFallOut(t *testing.T) {
	const most = 64
	var chain []File
	padding := "#" + strings.Repeat("x", maxTotalSize/most-1000) + "\n"
	chain = append(chain, File{Path: "000.yaml", Text: []byte("namespaces: [\n")})
	for i := 1; i < most; i++ {
		text := fmt.Sprintf("namespaces: {n%d: {}}\nlinks: {c%d: {netns: n%d}}\n%s", i, i, i-1, padding)
		chain = append(chain, File{Path: fmt.Sprintf("%03d.yaml", i), Text: []byte(text)})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	loader := NewLoader(toys, "")
	desired, states, complete, errs := loader.Load(chain)
	runtime.ReadMemStats(&after)
	if desired.Resources.Len() > 0 || complete || len(errs) != 2 || len(states) != most || states[most-1].State != "rejected" {
		t.Errorf("%d resources, complete %v, %d states, errors %.300q", desired.Resources.Len(), complete, len(states), errs.Error())
	}
	// yaml.v3 reads through buffers, so what it has allocated tells how much it has read.
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 40*maxTotalSize {
		t.Errorf("%d MiB were read and more for %d MiB of files", spent>>20, maxTotalSize>>20)
	}
}
