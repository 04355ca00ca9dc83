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

// Renderer is the output for some namespaces: a YAML document or a picture. Shown returns the names that were
// declared with shown; the others are namespaces into which their links lead.
type Renderer interface {
	Declare(ns spec.Namespace, shown bool)
	Shown() []string
	// Absent reports a namespace that should be shown and cannot be, and Remark any other note.
	Absent(ns spec.Namespace, why error)
	Remark(ns, dev, format string, args ...any)
}

// SelectNamespaces declares the namespaces to show, both to the world and to out: those that args name, or else
// linkd's own, all in observe.NetnsDir, and those that the files declare. It returns an error if one of args does not
// exist. It reports others that do not exist to out.
func SelectNamespaces(world *observe.World, out Renderer, declared map[string]spec.Namespace, args []string) error {
	c := &selection{world: world, out: out, known: map[string]spec.Namespace{}, selected: map[observe.Identity]bool{}}
	if err := c.collectNames(declared); err != nil {
		return err
	}
	var selected []string
	for _, arg := range args {
		name, err := c.resolveName(arg)
		if err != nil {
			return err
		}
		selected = append(selected, name)
	}
	world.Declare(c.known)
	if len(args) > 0 {
		var errs []error
		for _, name := range selected {
			if err := c.show(c.nameInFiles(name)); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		return errors.Join(errs...)
	}
	for _, name := range c.all() {
		if err := c.show(name); err != nil {
			out.Absent(c.known[name], err)
		}
	}
	return nil
}

type selection struct {
	world *observe.World
	out   Renderer
	known map[string]spec.Namespace
	// byFile are the names in the files.
	byFile   []string
	selected map[observe.Identity]bool
}

// collectNames collects the namespaces that have names.
func (c *selection) collectNames(declared map[string]spec.Namespace) error {
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
			c.out.Remark(spec.Host, "", "not shown: %v", err)
			continue
		}
		if _, taken := c.known[e.Name()]; !taken {
			c.known[e.Name()] = spec.Namespace{Name: e.Name(), Selector: s}
		}
	}
	return nil
}

// nameFor returns a name to declare for a namespace: the name in the files, or a plain name if the files have only
// its selector.
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

// resolveName returns the name of the namespace that an argument means.
func (c *selection) resolveName(arg string) (string, error) {
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

// nameInFiles returns the name in the files of a namespace that an argument calls by another name.
func (c *selection) nameInFiles(name string) string {
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

// all returns all known names, those in the files first: two of them may mean one namespace.
func (c *selection) all() []string {
	names := append([]string{spec.Host}, c.byFile...)
	for _, name := range slices.Sorted(maps.Keys(c.known)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// show declares a namespace to out, unless it is declared under another name.
func (c *selection) show(name string) error {
	ns, err := c.world.Open(name)
	if err != nil || c.selected[ns.Identity] {
		return err
	}
	c.selected[ns.Identity] = true
	c.out.Declare(c.known[name], true)
	return nil
}
