package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Renderer is what the things in some namespaces are put on: a page of a file, or a picture. Shown are the names of those
// that were declared to be shown; the others are those into which links of these lead.
type Renderer interface {
	Declare(ns spec.Namespace, shown bool)
	Shown() []string
	// Absent is told of a namespace that was to be shown and cannot be, and Remark whatever else there is to say.
	Absent(ns spec.Namespace, why error)
	Remark(ns, dev, format string, args ...any)
}

// SelectNamespaces declares, to the world and on paper, the namespaces that are to be shown: those that args name, or else
// linkd's own, all in observe.NetnsDir, and those that the files declare. It is an error that one of args is not there;
// of the others the paper is told.
func SelectNamespaces(world *observe.World, paper Renderer, declared map[string]spec.Namespace, args []string) error {
	c := &selection{world: world, paper: paper, known: map[string]spec.Namespace{}, chosen: map[observe.Identity]bool{}}
	if err := c.gather(declared); err != nil {
		return err
	}
	var chosen []string
	for _, arg := range args {
		name, err := c.named(arg)
		if err != nil {
			return err
		}
		chosen = append(chosen, name)
	}
	world.Declare(c.known)
	if len(args) > 0 {
		var errs []error
		for _, name := range chosen {
			if err := c.show(c.inFiles(name)); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		return errors.Join(errs...)
	}
	for _, name := range c.all() {
		if err := c.show(name); err != nil {
			paper.Absent(c.known[name], err)
		}
	}
	return nil
}

type selection struct {
	world *observe.World
	paper Renderer
	known map[string]spec.Namespace
	// byFile are the names that the files give.
	byFile []string
	chosen map[observe.Identity]bool
}

// gather finds out which namespaces have names.
func (c *selection) gather(declared map[string]spec.Namespace) error {
	c.known[spec.Host] = spec.Namespace{Name: spec.Host, Selector: spec.Selector{Scheme: spec.Host}}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		ns := declared[name]
		ns.Name = c.nameFor(ns.Selector, name)
		c.known[ns.Name] = ns
		c.byFile = append(c.byFile, ns.Name)
	}
	entries, err := os.ReadDir(observe.NetnsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		s, err := spec.ParseSelector("name:" + e.Name())
		if err != nil {
			c.paper.Remark(spec.Host, "", "not shown: %v", err)
			continue
		}
		if _, taken := c.known[e.Name()]; !taken {
			c.known[e.Name()] = spec.Namespace{Name: e.Name(), Selector: s}
		}
	}
	return nil
}

// nameFor is a name to declare a namespace under that is found by a selector: what the files call it, unless they have
// it by its selector alone.
func (c *selection) nameFor(s spec.Selector, name string) string {
	if !strings.Contains(name, ":") {
		return name
	}
	plain := s.PlainName()
	for n := 2; ; n++ {
		if _, taken := c.known[plain]; !taken {
			return plain
		}
		plain = fmt.Sprintf("%s-%d", s.PlainName(), n)
	}
}

// named is the name of the namespace that an argument means.
func (c *selection) named(arg string) (string, error) {
	if _, known := c.known[arg]; known {
		return arg, nil
	}
	if !strings.Contains(arg, ":") {
		arg = "name:" + arg
	}
	selector, err := spec.ParseSelector(arg)
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(c.known)) {
		if c.known[name].Selector == selector {
			return name, nil
		}
	}
	name := c.nameFor(selector, arg)
	c.known[name] = spec.Namespace{Name: name, Selector: selector}
	return name, nil
}

// inFiles is the name that the files give to a namespace that was asked for by another.
func (c *selection) inFiles(name string) string {
	asked, err := c.world.Open(name)
	if err != nil {
		return name
	}
	for _, file := range c.byFile {
		if ns, err := c.world.Open(file); err == nil && ns.Identity == asked.Identity {
			return file
		}
	}
	return name
}

// all are the names of everything that is known, those that the files give first: two of them may mean one namespace.
func (c *selection) all() []string {
	names := append([]string{spec.Host}, c.byFile...)
	for _, name := range slices.Sorted(maps.Keys(c.known)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// show puts a namespace on the page, unless it is there under another name.
func (c *selection) show(name string) error {
	ns, err := c.world.Open(name)
	if err != nil || c.chosen[ns.Identity] {
		return err
	}
	c.chosen[ns.Identity] = true
	c.paper.Declare(c.known[name], true)
	return nil
}
